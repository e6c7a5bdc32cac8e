"""The page where the control page was not built: plain HTML that runs nothing and says how to connect."""

import base64
import hashlib
from html import escape
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.web.headers import HEADERS
from protocol.version import RELEASE

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 42rem; margin: 4rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
.state { color: #2e7d32; font-weight: 600; }
dt { margin-top: 1.2rem; font-weight: 600; }
dd { margin: .3rem 0 0; }
code { display: block; padding: .6rem .8rem; border-radius: .4rem; background: #8882; overflow-x: auto; }
"""

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Homarus</title>
<style>$style</style>
</head>
<body>
<h1>Homarus</h1>
<p><span class="state">Running</span> · version $release</p>
<dl>
<dt>Talk to it here</dt>
<dd><code>homarus chat "hello"</code></dd>
<dt>Point an OpenClaw client at it</dt>
<dd><code>openclaw tui --url $ws_url --token &lt;your token&gt;</code></dd>
<dt>Pair a phone</dt>
<dd><code>homarus devices pair</code></dd>
<dt>See how it is doing</dt>
<dd><code>homarus gateway health</code></dd>
</dl>
<p>Your token is in <code>keys/gateway.token</code> of the gateway's home folder.</p>
<p>The control page is not part of this installation. In a checkout, build it with
<code>scripts/setup</code>, which needs Node 20.19 or newer, then restart the gateway. A released
package brings it along.</p>
</body>
</html>
""")

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS: Final = {
    **HEADERS,
    # Nothing is loaded and nothing runs; the one style sheet is pinned by its hash.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


async def plain_page(request: Request) -> Response:
    """The page, with the address this browser used."""
    scheme = "wss" if request.url.scheme == "https" else "ws"
    host = escape(request.headers.get("host", "127.0.0.1"))
    page = _PAGE.substitute(style=_STYLE, release=RELEASE, ws_url=f"{scheme}://{host}/")
    return HTMLResponse(page, headers=_HEADERS)
