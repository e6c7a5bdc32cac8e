"""The built page that draws, and what it may do; gateway and node serve the same files."""

import mimetypes
from functools import cache
from typing import Final

import msgspec

from protocol.a2ui.schemas import DIST
from protocol.errors import Unavailable

_PAGE: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
)

_FRAME: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    # The renderers set measures and colours on single elements; no style sheet comes from a message.
    "style-src-attr 'unsafe-inline'",
    "font-src 'self'",
    "img-src https: data:",
    "media-src https:",
    "base-uri 'none'",
    "form-action 'none'",
    "sandbox allow-scripts",
)

POLICIES: Final = {"index.html": _PAGE, "v0_8.html": _FRAME, "v0_9.html": _FRAME}
"""Content-Security-Policy by document."""

_KINDS: Final = frozenset({".html", ".js", ".css", ".woff2"})


class RendererFile(msgspec.Struct, frozen=True):
    """One file of the page as it is served."""

    body: bytes
    headers: dict[str, str]


@cache
def renderer_files() -> dict[str, RendererFile]:
    """Every file by its name: nothing else is ever served under the page's address.

    Raises:
        Unavailable: the page was not built.
    """
    if not (DIST / "index.html").is_file():
        raise Unavailable("the canvas was not built; run scripts/setup in the checkout")
    return {
        path.name: RendererFile(path.read_bytes(), _headers(path.name))
        for path in sorted(DIST.iterdir())
        if path.suffix in _KINDS
    }


def _headers(name: str) -> dict[str, str]:
    policy = POLICIES.get(name, ("default-src 'none'",))
    return {
        "Content-Type": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        # The frames have no origin of their own, and fonts are fetched across origins.
        "Access-Control-Allow-Origin": "*",
    }
