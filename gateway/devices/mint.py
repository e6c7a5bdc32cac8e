"""How tokens come to be.

A device that connects again with the shared secret gets its token back, so the gateway must be able to say
it; and a stolen database must not. Therefore tokens are computed: HMAC-SHA-256 under a key in `keys/`, over
a random id in the database. The database also holds each token's SHA-256, which is what a presented token is
held against: tokens stay valid when the key is lost, and are replaced the next time they would have to be
said.
"""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from gateway.kernel.config.files import ensure_key

KEY_FILE: Final = "device-tokens.key"
"""In `keys/`, 0600, 256 random bits."""

ID_BYTES: Final = 16
"""128 bits: the id is what makes each token different from every other, for ever."""


class TokenMint:
    """Computes tokens and their hashes."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    @classmethod
    def load(cls, keys_dir: Path) -> "TokenMint":
        """The mint of this gateway; its key is made on first use.

        Raises:
            OSError: when the key can be neither read nor made.
        """
        return cls(ensure_key(keys_dir / KEY_FILE))

    @staticmethod
    def new_id() -> str:
        """A fresh token or setup id."""
        return secrets.token_hex(ID_BYTES)

    @staticmethod
    def hash(token: str) -> bytes:
        """What is stored of a token."""
        return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

    def device_token(self, token_id: str, device_id: str, role: str) -> str:
        """The token of a device for a role: 43 URL-safe characters."""
        return self._derive("device", token_id, device_id, role)

    def bootstrap_token(self, setup_id: str) -> str:
        """The token inside a setup code."""
        return self._derive("setup", setup_id)

    def _derive(self, *parts: str) -> str:
        message = "|".join(("homarus-token-v1", *parts)).encode()
        digest = hmac.new(self._key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def same_hash(stored: bytes, token: str) -> bool:
    """Whether `token` is the one behind `stored`, in constant time."""
    return hmac.compare_digest(stored, TokenMint.hash(token))


def same_secret(expected: str, presented: str) -> bool:
    """Whether two secrets are equal, in a time that depends on neither their content nor their length."""
    return hmac.compare_digest(TokenMint.hash(expected), TokenMint.hash(presented))
