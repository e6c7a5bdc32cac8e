"""`GET` and `PUT /config`: the same configuration under the same rules, for tools without a WebSocket."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from gateway.configuration.service import ConfigurationService
from gateway.kernel.net.routes import HttpRoutes
from protocol.errors import InvalidRequest
from protocol.methods.config import Hash
from protocol.scopes import Scope

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""The largest configuration, with room for its JSON escapes."""


class PutConfig(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Body of `PUT /config`: the document as text or as a tree, and the hash it was read with."""

    raw: Annotated[str, Meta(min_length=1)] | None = None
    config: dict[str, object] | None = None
    base_hash: Hash | None = None
    """May stand in `If-Match` instead."""


class ConfigurationPage:
    """The resource `/config`."""

    def __init__(self, service: ConfigurationService, http: HttpRoutes) -> None:
        self._service = service
        self._http = http

    async def serve(self, request: Request) -> Response:
        """Answer `GET` (operator.read) and `PUT` (operator.admin).

        Raises:
            GatewayError: as the configuration methods do.
        """
        principal = await self._http.bearer(request)
        if request.method != "PUT":
            principal.require(Scope.READ)
            return _json(self._service.snapshot(), self._service.snapshot().hash)
        principal.require(Scope.ADMIN)
        body = await _body(request)
        raw = body.raw if body.raw is not None else msgspec.json.encode(body.config or {}).decode()
        base_hash = body.base_hash or request.headers.get("if-match", "").strip('" ') or None
        written = await self._service.replace(principal, "PUT /config", raw, base_hash)
        return _json(written, written.hash)


async def _body(request: Request) -> PutConfig:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise InvalidRequest(f"body: larger than {MAX_BODY_BYTES} bytes", {"field": "body"})
    try:
        body = msgspec.json.decode(bytes(data), type=PutConfig)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"body: {error}", {"field": "body"}) from error
    if (body.raw is None) == (body.config is None):
        raise InvalidRequest("body: give either raw or config", {"field": "body"})
    return body


def _json(value: object, tag: str) -> Response:
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)
