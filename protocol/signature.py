"""Device identities: Ed25519 keys, the v2 and v3 proof payloads, and strict verification.

OpenSSL verifies signatures under keys of small order and leaves base64 to us, so this module refuses what
would let two different texts, keys or signatures stand for the same proof.

Source: OpenClaw docs/gateway/protocol/auth.md, "Device identity and pairing" (2026.9.6), checked against 154
recorded proofs; RFC 8032, section 5.1.
"""

import base64
import binascii
import hashlib
import string
from typing import Final, Literal

import msgspec

from protocol.connect import ConnectAuth, ConnectParams, DeviceProof

PUBLIC_KEY_BYTES: Final = 32
PRIVATE_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

ProofVersion = Literal["v2", "v3"]

FIELD_PRIME: Final = 2**255 - 19
"""Ed25519 works modulo this prime. Source: RFC 8032, section 5.1."""

GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point: a signature's S must lie below it, else S and S + L would both verify."""

_ORDER_8_Y: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
"""One of the two y coordinates of the four points of order 8; the other is its negative."""

SMALL_ORDER_Y: Final = frozenset({0, 1, FIELD_PRIME - 1, _ORDER_8_Y, FIELD_PRIME - _ORDER_8_Y})
"""The y coordinates of all eight points whose order divides 8. Under such a key anyone can sign anything."""

_TO_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class ProofClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a device proof signs."""

    device_id: str
    client_id: str
    client_mode: str
    role: str
    scopes: tuple[str, ...]
    """In the order the client sent them."""
    signed_at_ms: int
    token: str
    """The credential the client connects with, see `signed_token`."""
    nonce: str
    platform: str
    device_family: str

    @classmethod
    def of(cls, params: ConnectParams, device_id: str, nonce: str, signed_at_ms: int) -> "ProofClaim":
        """The claim that `params` makes."""
        return cls(
            device_id=device_id,
            client_id=params.client.id,
            client_mode=params.client.mode,
            role=params.role,
            scopes=tuple(params.scopes),
            signed_at_ms=signed_at_ms,
            token=signed_token(params.auth),
            nonce=nonce,
            platform=params.client.platform,
            device_family=params.client.device_family or "",
        )

    def payload(self, version: ProofVersion) -> bytes:
        """The signed text: fields joined by `|`; v3 adds platform and device family to v2."""
        fields = [
            version,
            self.device_id,
            self.client_id,
            self.client_mode,
            self.role,
            ",".join(self.scopes),
            str(self.signed_at_ms),
            self.token,
            self.nonce,
        ]
        if version == "v3":
            fields += [_normal(self.platform), _normal(self.device_family)]
        return "|".join(fields).encode("utf-8", "surrogatepass")


def signed_token(auth: ConnectAuth | None) -> str:
    """The credential a proof binds: the token, else the device token, else the bootstrap token, else ""."""
    if auth is None:
        return ""
    return auth.token or auth.device_token or auth.bootstrap_token or ""


def device_id_of(public_key: bytes) -> str:
    """A device's id: the hex SHA-256 of its raw public key."""
    return hashlib.sha256(public_key).hexdigest()


def encode_base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes | None:
    """The bytes whose one canonical spelling this is; None for padding, other alphabets or stray bits."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return data if encode_base64url(data) == text else None


def usable_public_key(public_key: bytes) -> bool:
    """Whether these bytes are the canonical form of a key that is not of small order."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        return False
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    return y < FIELD_PRIME and y not in SMALL_ORDER_Y


def verify(claim: ProofClaim, public_key: bytes, signature: bytes) -> ProofVersion | None:
    """Which payload version the signature proves; None for neither, and for a malformed key or signature."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(signature) != SIGNATURE_BYTES or not usable_public_key(public_key):
        return None
    if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        return None
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        return None
    versions: tuple[ProofVersion, ...] = ("v3", "v2")
    for version in versions:
        try:
            key.verify(signature, claim.payload(version))
        except InvalidSignature:
            continue
        return version
    return None


class DeviceIdentity:
    """A device's own key. Keep `private_bytes()` in a file only its owner can read."""

    __slots__ = ("_private", "public_key")

    def __init__(self, private_bytes: bytes) -> None:
        """Take the 32 secret bytes that `private_bytes()` gave.

        Raises:
            ValueError: when they are not 32.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(private_bytes)
        self.public_key = self._private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "DeviceIdentity":
        """A fresh identity."""
        import secrets

        return cls(secrets.token_bytes(PRIVATE_KEY_BYTES))

    @property
    def device_id(self) -> str:
        """Hex SHA-256 of the public key."""
        return device_id_of(self.public_key)

    def private_bytes(self) -> bytes:
        """The 32 secret bytes `DeviceIdentity(...)` takes."""
        return self._private.private_bytes_raw()

    def prove(
        self, params: ConnectParams, nonce: str, signed_at_ms: int, version: ProofVersion = "v3"
    ) -> DeviceProof:
        """The `device` member for `params`, over a gateway's challenge.

        Args:
            params: What will be sent; scopes, credentials and client facts are part of the proof.
            nonce: The challenge's nonce.
            signed_at_ms: The challenge's `ts`: a wrong clock here must not lock the device out.
            version: Payload to sign.
        """
        claim = ProofClaim.of(params, self.device_id, nonce, signed_at_ms)
        return DeviceProof(
            id=self.device_id,
            public_key=encode_base64url(self.public_key),
            signature=encode_base64url(self._private.sign(claim.payload(version))),
            signed_at=signed_at_ms,
            nonce=nonce,
        )

    def __repr__(self) -> str:
        return f"DeviceIdentity({self.device_id[:12]}…)"


def _normal(text: str) -> str:
    """Trimmed and ASCII-lowercased, as clients sign platform and device family."""
    return text.strip().translate(_TO_LOWER)
