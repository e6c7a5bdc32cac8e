"""The configuration over RPC."""

import logging

from gateway.configuration.service import ConfigurationService
from gateway.kernel.log import printable
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.methods.config import (
    ConfigApply,
    ConfigGet,
    ConfigPatch,
    ConfigSchema,
    ConfigSchemaDocument,
    ConfigSchemaLookup,
    ConfigSchemaNode,
    ConfigSet,
    ConfigSnapshot,
    ConfigWritten,
)

logger = logging.getLogger(__name__)


class ConfigurationApi:
    """`config.*`."""

    def __init__(self, service: ConfigurationService) -> None:
        self._service = service

    @handles(ConfigGet)
    def get(self, _ctx: Ctx, _call: ConfigGet) -> ConfigSnapshot:
        """The configuration as it is."""
        return self._service.snapshot()

    @handles(ConfigSet)
    async def set(self, ctx: Ctx, call: ConfigSet) -> ConfigWritten:
        """Replace it."""
        return await self._service.replace(ctx.principal, call.wire_name, call.raw, call.base_hash)

    @handles(ConfigApply)
    async def apply(self, ctx: Ctx, call: ConfigApply) -> ConfigWritten:
        """Replace it."""
        written = await self._service.replace(ctx.principal, call.wire_name, call.raw, call.base_hash)
        _log_note(call.note)
        return written

    @handles(ConfigPatch)
    async def patch(self, ctx: Ctx, call: ConfigPatch) -> ConfigWritten:
        """Change a part."""
        written = await self._service.patch(ctx.principal, call)
        _log_note(call.note)
        return written

    @handles(ConfigSchema)
    async def schema(self, _ctx: Ctx, _call: ConfigSchema) -> ConfigSchemaDocument:
        """The schema of all sections."""
        return self._service.schema()

    @handles(ConfigSchemaLookup)
    async def lookup(self, _ctx: Ctx, call: ConfigSchemaLookup) -> ConfigSchemaNode:
        """The schema at one path."""
        return self._service.lookup(call.path)


def _log_note(note: str | None) -> None:
    if note:
        logger.info("configuration changed with the note: %s", printable(note))
