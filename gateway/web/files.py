"""The files of the built control page, kept in memory once somebody asked for them."""

import asyncio
import hashlib
import mimetypes
from pathlib import Path
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.web.headers import HEADERS, PAGE_POLICY

FILES: Final = Path(__file__).parent / "dist"
"""Written by `scripts/page.py`; the wheel carries it."""

_COMPRESSED: Final = ".gz"

_FOREVER: Final = "public, max-age=31536000, immutable"
"""Names of assets hold a digest of what is in them."""

_ASK: Final = "no-cache"
"""The page itself is asked for again each time, so that a new release is seen at once."""


class _File(msgspec.Struct, frozen=True):
    """One file in memory."""

    body: bytes
    media_type: str
    etag: str
    compressed: bytes | None
    """The same with gzip; absent where that saves nothing."""


class BuiltPage:
    """Serves one folder of built files: `index.html`, and `assets/` beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._reading = asyncio.Lock()

    async def index(self, request: Request) -> Response:
        """The page."""
        file = (await self._loaded())["index.html"]
        return _answer(request, file, {"Cache-Control": _ASK, "Content-Security-Policy": PAGE_POLICY})

    async def asset(self, request: Request) -> Response:
        """One of its scripts, styles and pictures.

        Raises:
            HTTPException: 404 when the page has no such file.
        """
        name: str = request.path_params["name"]
        file = (await self._loaded()).get(f"assets/{name}")
        if file is None:
            raise HTTPException(404, "the control page has no such file")
        # A picture that is opened by itself is a document, too.
        return _answer(
            request, file, {"Cache-Control": _FOREVER, "Content-Security-Policy": "default-src 'none'"}
        )

    async def _loaded(self) -> dict[str, _File]:
        """Every file by its path. Read once, beside the loop: only these names can ever be served."""
        async with self._reading:
            if not self._files:
                self._files = await asyncio.to_thread(_read, self._folder)
        return self._files


def _read(folder: Path) -> dict[str, _File]:
    paths = (folder / "index.html", *sorted((folder / "assets").iterdir()))
    return {path.relative_to(folder).as_posix(): _file(path) for path in paths if path.suffix != _COMPRESSED}


def _file(path: Path) -> _File:
    body = path.read_bytes()
    packed = path.with_name(path.name + _COMPRESSED)
    return _File(
        body=body,
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        compressed=packed.read_bytes() if packed.is_file() else None,
    )


def _answer(request: Request, file: _File, headers: dict[str, str]) -> Response:
    headers = {**HEADERS, **headers, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    body = file.body
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = file.compressed, "gzip"
    return Response(body, headers=headers, media_type=file.media_type)
