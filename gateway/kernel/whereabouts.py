"""Tells other programs of this user where the gateway listens while it runs: `gateway.json` in its home."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from gateway.kernel.home import Home
from gateway.kernel.store.files import private_file

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - looked up, not bound
"""Addresses that mean all of a machine's, and what a program on it connects to."""


class Whereabouts(msgspec.Struct, frozen=True, rename="camel"):
    """Content of the file."""

    url: str
    """`ws://` or `wss://`, host and port."""
    tls_fingerprint: str | None
    """What to pin, in hex; None without encryption."""


@contextmanager
def listening(home: Home, *, host: str, port: int, tls_fingerprint: str | None) -> Generator[None]:
    """Have the file there inside the block. After a crash it stays, and the next gateway replaces it."""
    reached = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    scheme = "ws" if tls_fingerprint is None else "wss"
    where = Whereabouts(f"{scheme}://{reached}:{port}", tls_fingerprint)
    partial = home.whereabouts_path.with_suffix(".partial")
    private_file(partial)
    partial.write_bytes(msgspec.json.encode(where))
    partial.replace(home.whereabouts_path)
    try:
        yield
    finally:
        home.whereabouts_path.unlink(missing_ok=True)
