"""Rules of reading and changing the configuration for a client."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

import msgspec

from gateway.configuration.arrays import shortened_arrays
from gateway.configuration.describe import Description
from gateway.kernel.audit.trail import SYSTEM, Recorder
from gateway.kernel.clock import Clock
from gateway.kernel.config.document import parse_raw
from gateway.kernel.config.settings import ConfigIssue
from gateway.kernel.config.store import Applied, ConfigStore
from gateway.kernel.config.tree import Tree, as_table, merge_patch, without_nulls
from gateway.kernel.log import printable
from gateway.kernel.net.hub import Hub
from gateway.kernel.rate import SlidingWindow
from gateway.kernel.rpc.context import Principal
from protocol.errors import InvalidRequest, Unavailable
from protocol.events.config import ConfigChanged
from protocol.methods.config import (
    ConfigFault,
    ConfigPatch,
    ConfigSchemaDocument,
    ConfigSchemaNode,
    ConfigSnapshot,
    ConfigWritten,
)

WRITES: Final = 30
WRITE_WINDOW_S: Final = 60.0
"""Source: OpenClaw docs/gateway/security/rate-limiting.md, control-plane writes (2026.9.6)."""

_author: ContextVar[tuple[str, str]] = ContextVar("config_author", default=(SYSTEM, "file"))
"""Who changes the configuration by which method; by default somebody edited the file."""

logger = logging.getLogger(__name__)


class TooManyWrites(Unavailable):
    """The caller changed the configuration too often."""

    retryable = True


class ConfigurationService:
    """Snapshots and guarded writes; tells every reader when the file changed."""

    def __init__(self, config: ConfigStore, hub: Hub, clock: Clock, audit: Recorder) -> None:
        self._config = config
        self._audit = audit
        self._hub = hub
        self._clock = clock
        self._writes = SlidingWindow(clock, WRITES, WRITE_WINDOW_S)
        self._description = Description(config.kinds, clock.now_ms())
        self._announced = config.hash
        config.on_applied(self._announce)

    def snapshot(self) -> ConfigSnapshot:
        """Everything a client may know, literal secrets redacted."""
        config = self._config
        authored, in_force = config.tree, _document(config.effective)
        return ConfigSnapshot(
            path=str(config.home.config_path),
            exists=config.exists,
            raw=msgspec.json.format(msgspec.json.encode(authored), indent=2).decode(),
            parsed=authored,
            source_config=authored,
            resolved=authored,
            valid=not config.issues,
            runtime_config=in_force,
            config=in_force,
            hash=config.hash,
            issues=faults(config.issues),
            warnings=[],
            legacy_issues=[],
            included_paths=[],
            config_revision_hash=config.revision,
            applied_config_hash=config.applied_revision,
            source=config.source,
            pending_restart=list(config.pending_restart),
        )

    async def replace(self, who: Principal, method: str, raw: str, base_hash: str | None) -> ConfigWritten:
        """Make `raw` the whole configuration.

        Raises:
            Conflict: when the file is no longer the one `base_hash` names.
            InvalidRequest: with every fault.
            TooManyWrites: after 30 changes within a minute.
        """
        tree = _document(parse_raw(raw))
        return await self._write(who, method, tree, base_hash)

    async def patch(self, who: Principal, call: ConfigPatch) -> ConfigWritten:
        """Merge a part into the configuration.

        Raises:
            Conflict: when the file is no longer the one `base_hash` names.
            InvalidRequest: with every fault, or when an array would lose entries without being named.
            TooManyWrites: after 30 changes within a minute.
        """
        patch = parse_raw(call.raw)
        current = self._config.tree
        merged = merge_patch(current, patch)
        lost = [path for path in shortened_arrays(current, merged) if path not in call.replace_paths]
        if lost:
            raise InvalidRequest(
                f"the patch would remove entries of {', '.join(lost)}; name them in replacePaths",
                {"code": "REPLACE_PATH_REQUIRED", "paths": lost},
            )
        # Against the tree it was merged into, whatever happens in between.
        base_hash = call.base_hash if call.base_hash is not None or self._config.exists else self._config.hash
        return await self._write(who, "config.patch", _document(merged), base_hash)

    def schema(self) -> ConfigSchemaDocument:
        """The schema of all sections."""
        return self._description.document()

    def lookup(self, path: str) -> ConfigSchemaNode:
        """The schema at one path.

        Raises:
            NotFound: when no setting has it.
        """
        return self._description.lookup(path)

    async def _write(self, who: Principal, method: str, tree: Tree, base_hash: str | None) -> ConfigWritten:
        key = f"{method}\n{who.device_id}\n{who.remote_ip}"
        wait_s = self._writes.take(key)
        if wait_s:
            raise _too_many(method, wait_s)
        before = self._config.hash
        author = _author.set((who.actor, method))
        try:
            applied = await self._config.replace(tree, base_hash)
        finally:
            _author.reset(author)
            if self._config.hash == before:
                self._writes.give_back(key)
        if applied.changed:
            changed = ", ".join(applied.changed)
            logger.info("%s by %s changed %s", method, printable(who.actor), printable(changed))
        return self._written(applied)

    def _written(self, applied: Applied) -> ConfigWritten:
        return ConfigWritten(
            ok=True,
            path=str(self._config.home.config_path),
            hash=applied.hash,
            config=self._config.tree,
            changed_paths=list(applied.changed),
            restart_required=list(applied.restart),
        )

    def _announce(self, applied: Applied) -> None:
        if applied.changed:
            # Paths only: a value may be a secret, and what it is now anybody with the right can look up.
            actor, method = _author.get()
            self._audit.record(
                "config.changed", actor=actor, subject=method, details={"paths": applied.changed}
            )
        if applied.hash != self._announced:
            self._announced = applied.hash
            path = str(self._config.home.config_path)
            self._hub.publish(ConfigChanged(path=path, hash=applied.hash, ts=self._clock.now_ms()))


def faults(issues: tuple[ConfigIssue, ...]) -> list[ConfigFault]:
    """Issues as they travel."""
    return [ConfigFault(path=issue.path, message=issue.message) for issue in issues]


def _document(tree: Mapping[str, object]) -> Tree:
    return as_table(without_nulls(dict(tree))) or {}


def _too_many(method: str, wait_s: float) -> TooManyWrites:
    error = TooManyWrites(
        f"rate limit exceeded for {method}; retry after {-(-wait_s // 1):.0f}s",
        {"method": method, "limit": f"{WRITES} per {WRITE_WINDOW_S:.0f}s"},
    )
    error.retry_after_ms = max(1, round(wait_s * 1000))
    return error
