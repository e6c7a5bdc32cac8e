"""What this node shows a gateway to be let in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from device_node.config import TokenReference
from device_node.failure import Misused
from protocol.connect import ConnectAuth

Kind = Literal["device", "setup", "shared", "none"]

MAX_TOKEN_BYTES = 64 * 1024
"""A larger file is not a token but a mistake, such as a device or a log."""


class Credential(msgspec.Struct, frozen=True):
    """One credential; it prints as its kind only."""

    kind: Kind
    text: str = ""

    def auth(self) -> ConnectAuth | None:
        """The `auth` member of `connect`."""
        match self.kind:
            case "device":
                return ConnectAuth(device_token=self.text)
            case "setup":
                return ConnectAuth(bootstrap_token=self.text)
            case "shared":
                return ConnectAuth(token=self.text, password=self.text)
            case "none":
                return None

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


def read_reference(reference: TokenReference, folder: Path, env: Mapping[str, str] = os.environ) -> str:
    """The token a setting refers to; a relative file is looked for in `folder`.

    Raises:
        Misused: when the variable or file is missing or empty.
    """
    if reference.env is not None:
        text = env.get(reference.env, "").strip()
        if not text:
            raise Misused(f"gateway.token: the variable {reference.env} is not set", "set it, or pair again")
        return text
    path = folder / Path(reference.file or "").expanduser()
    text = read_token(path)
    if text is None:
        raise Misused(f"gateway.token: there is no token in {path}", "put it there, or pair again")
    return text


def read_token(path: Path) -> str | None:
    """The token in a file; None when there is no file, or nothing in it.

    Raises:
        Misused: when it is there and cannot be read as text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_TOKEN_BYTES)
        return data.decode().strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror}", "make it readable for its owner") from error
    except UnicodeDecodeError as error:
        raise Misused(f"{path} is not text", "put the token there as text") from error
