"""The configuration on disk: read with a bound, written in one step, readable by its owner only."""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.config.document import MAX_CONFIG_BYTES, ConfigSyntaxError
from gateway.kernel.store.files import PRIVATE_FILE, move_into_place, private_file

TOKEN_BYTES: Final = 32
"""256 bits: beyond guessing, and 43 characters that survive a copy by hand."""


class Stamp(msgspec.Struct, frozen=True):
    """What changes when somebody saves a file, cheap enough to ask every second."""

    mtime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Stamp | None":
        """The file's stamp, or None while it does not exist or cannot be reached; reading it tells which."""
        try:
            status = path.stat()
        except OSError:
            return None
        return cls(status.st_mtime_ns, status.st_size, status.st_ino)


def read_text(path: Path) -> str | None:
    """The file's text, or None when there is no such file.

    Raises:
        ConfigSyntaxError: when it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise ConfigSyntaxError(f"is larger than {MAX_CONFIG_BYTES} bytes")
        return data.decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigSyntaxError(f"is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise ConfigSyntaxError(f"cannot be read: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Make `path` hold `text`, mode 0600: after a crash it holds all of the old or all of the new.

    A link is followed, so that a file kept elsewhere stays there.

    Raises:
        OSError: when the disk refuses.
    """
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        private_file(partial)
        partial.write_text(text, encoding="utf-8", newline="")
        move_into_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def ensure_key(path: Path) -> str:
    """The random text in `path`, made (0600) when the file is missing: 43 URL-safe characters.

    Raises:
        OSError: when it can be neither read nor made.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(TOKEN_BYTES) + "\n")
    return path.read_text(encoding="utf-8").strip()


def keep_private(path: Path) -> None:
    """Take the rights of others away from a file that a person made, which may hold secrets; links stay.

    Raises:
        OSError: when it is not ours.
    """
    if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077:
        path.chmod(PRIVATE_FILE)


def text_hash(key: str, text: str | None) -> str:
    """An opaque fingerprint of a configuration's text, `hmac-sha256:v1:…`.

    Keyed, because a client may see the hash of a file whose only unknown is a short password.
    """
    digest = hmac.new(key.encode(), b"\0" if text is None else b"\1" + text.encode(), hashlib.sha256).digest()
    return "hmac-sha256:v1:" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
