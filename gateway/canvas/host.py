"""What a canvas loads from the gateway: the page that draws, and the files an agent has put there.

Source: OpenClaw 2026.7.1 and 2026.9.6, paths below `/__openclaw__/` and answers as recorded.
"""

import asyncio
import mimetypes
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.canvas.folder import NoSuchFile, parts_of, read_below
from gateway.canvas.passes import PREFIX, Passes
from gateway.kernel.net.routes import HttpRoutes
from protocol.a2ui.renderer import renderer_files
from protocol.errors import NotFound, Unauthorized
from protocol.scopes import Scope

A2UI: Final = "/__openclaw__/a2ui/"
CANVAS: Final = "/__openclaw__/canvas/"

_FILE_HEADERS: Final = {
    # What agents write shares its address with the control page and must not share its origin.
    "Content-Security-Policy": (
        "sandbox allow-scripts allow-forms; default-src 'self' data: blob:; "
        "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_EMPTY: Final = b"<!doctype html><title>Canvas</title><p>Nothing is here yet."
"""For a canvas whose folder has no `index.html`."""


class CanvasHost:
    """Serves both, to whoever holds a capability address or a gateway token."""

    def __init__(self, root: Path, passes: Passes, http: HttpRoutes) -> None:
        """`root` is the folder of files; it is made when it is missing."""
        root.mkdir(mode=0o700, exist_ok=True)
        self._root = root
        self._passes = passes
        self._http = http

    def serve(self) -> None:
        """Add the routes."""
        self._http.add(f"{PREFIX}{{token}}{{path:path}}", self._by_pass)
        for prefix in (A2UI, CANVAS):
            self._http.add(f"{prefix}{{path:path}}", self._directly)

    async def _by_pass(self, request: Request) -> Response:
        if not self._passes.use(request.path_params["token"]):
            return _unauthorized()
        return await self._answer(request.path_params["path"])

    async def _directly(self, request: Request) -> Response:
        token = request.query_params.get("oc_cap")
        if token is not None:
            if not self._passes.use(token):
                return _unauthorized()
        else:
            try:
                (await self._http.bearer(request)).require(Scope.READ)
            except Unauthorized:
                return _unauthorized()
        return await self._answer(request.scope["path"])

    async def _answer(self, path: str) -> Response:
        try:
            if path.startswith(A2UI):
                return _renderer(path.removeprefix(A2UI))
            if path.startswith(CANVAS):
                return await self._file(path.removeprefix(CANVAS))
        except NoSuchFile:
            pass
        raise NotFound("the canvas has no such file")

    async def _file(self, path: str) -> Response:
        parts = parts_of(path)
        try:
            body = await asyncio.to_thread(read_below, self._root, parts)
        except NoSuchFile:
            if parts != ["index.html"]:
                raise
            body = _EMPTY
        kind = mimetypes.guess_type(parts[-1])[0] or "application/octet-stream"
        return Response(body, headers=_FILE_HEADERS, media_type=kind)


def _renderer(name: str) -> Response:
    file = renderer_files().get(name or "index.html")
    if file is None:
        raise NoSuchFile
    return Response(file.body, headers=file.headers)


def _unauthorized() -> Response:
    body = msgspec.json.encode({"error": {"message": "Unauthorized", "type": "unauthorized"}})
    return Response(body, 401, media_type="application/json", headers={"Cache-Control": "no-store"})
