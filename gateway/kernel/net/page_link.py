"""The link a person opens: the address of the control page, with the secret where no server ever sees it."""

import ipaddress
from urllib.parse import quote


def page_link(*, secure: bool, host: str, port: int, secret: str | None) -> str:
    """The link for somebody on this machine.

    Args:
        secure: Whether the port is encrypted.
        host: Address the gateway listens on; of one that means every address, this machine's own is used,
            because a browser keeps a device key only there or over an encrypted connection.
        port: Port it listens on.
        secret: Token or password, put behind `#`: browsers do not send that part, and the page takes it out
            of its address at once. None makes the page ask for it.
    """
    name = _own_name(host)
    fragment = "" if secret is None else f"#token={quote(secret, safe='')}"
    return f"{'https' if secure else 'http'}://{name}:{port}/{fragment}"


def _own_name(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{host}]" if address.version == 6 else host
