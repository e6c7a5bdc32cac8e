"""The connect handshake without I/O: one state machine for the gateway, one for clients.

    gateway                              client
      challenge()  ── connect.challenge ──►  receive() -> connect request
      receive()    ◄──── connect ──────────
      (admission, elsewhere)
      hello / failure ────── res ──────────►  receive() -> HelloOk, or raises ConnectRefused

`ServerHandshake` makes every check that needs neither database nor configuration, in the original's order.

Source: OpenClaw docs/gateway/protocol/{handshake,auth,transport,versioning}.md (2026.9.6), and its refusals.
"""

import base64
import binascii
from typing import Any, Final

import msgspec

from protocol.connect import Challenge, ConnectParams, DeviceProof, HelloOk
from protocol.errors import ErrorShape, GatewayError, InvalidRequest
from protocol.frames import EncodedEvent, EventFrame, Request, decode_reply, decode_request, encode_request
from protocol.limits import MAX_PREAUTH_BYTES, MAX_SIGNATURE_SKEW_MS
from protocol.scopes import Role
from protocol.signature import (
    DeviceIdentity,
    ProofClaim,
    ProofVersion,
    decode_base64url,
    device_id_of,
    encode_base64url,
    usable_public_key,
    verify,
)
from protocol.version import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION
from protocol.violation import violation

CLOSE_PROTOCOL_ERROR: Final = 1002
"""Close code of a version mismatch, the one refusal a client must not answer by fixing its credentials."""

CLOSE_POLICY_VIOLATION: Final = 1008
"""Close code of every other refusal."""

CLOSE_TOO_BIG: Final = 1009
"""Close code of a frame over the limit. Source: RFC 6455, section 7.4.1."""

CHALLENGE_CAPABILITIES: Final[tuple[str, ...]] = ()
"""Announced with the challenge. OpenClaw announces `model-catalog-snapshot`, upon which its Control UI adds a
`modelCatalog` to its connect; nothing here reads that, so it is not asked for."""

_connect_decoder: Final = msgspec.json.Decoder(ConnectParams)
_hello_decoder: Final = msgspec.json.Decoder(HelloOk)
_challenge_decoder: Final = msgspec.json.Decoder(Challenge)


class HandshakeRefused(Exception):
    """The peer may not enter. Send `error` on `request_id` if there is one, then close."""

    def __init__(
        self, error: GatewayError, request_id: str | None = None, close_code: int = CLOSE_POLICY_VIOLATION
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.request_id = request_id
        """None when the frame was no request: then only the close tells the peer."""
        self.close_code = close_code


class ProtocolMismatch(InvalidRequest):
    """The peer speaks no version that is spoken here."""

    detail_code = "PROTOCOL_MISMATCH"


class ProofRefused(InvalidRequest):
    """The device proof does not hold; `details.code` and `details.reason` say why."""

    def __init__(self, message: str, code: str, reason: str) -> None:
        super().__init__(message, {"code": f"DEVICE_AUTH_{code}", "reason": reason})


class ConnectAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A connect request whose form, version, role and device proof are in order; rights come later."""

    request_id: str
    params: ConnectParams
    role: Role
    protocol: int
    """The version to speak: the highest both sides know."""
    proof: ProofVersion | None
    """Which payload the device signed; None without a device."""


class ServerHandshake:
    """The gateway's side, for one connection."""

    def __init__(self, nonce: str, now_ms: int) -> None:
        """Prepare a challenge.

        Args:
            nonce: Unpredictable and never used before.
            now_ms: Wall clock; proofs are held against it, because clients sign it back.
        """
        self._nonce = nonce
        self._challenged_ms = now_ms
        self._spent = False

    def challenge(self) -> bytes:
        """The `connect.challenge` frame, to be sent as soon as the socket is open."""
        payload = Challenge(
            nonce=self._nonce, ts=self._challenged_ms, capabilities=list(CHALLENGE_CAPABILITIES)
        )
        return EncodedEvent.of("connect.challenge", msgspec.json.encode(payload)).frame(None)

    def receive(self, data: bytes | str) -> ConnectAttempt:
        """Judge the first frame. A challenge is good for one frame, whatever becomes of it.

        Raises:
            HandshakeRefused: with the answer and close code the peer gets.
        """
        if self._spent:
            raise HandshakeRefused(InvalidRequest("invalid handshake: this challenge was already used"))
        self._spent = True
        request = _first_request(data)
        try:
            params = _connect_params(request)
            protocol = _negotiated(params)
            role = _role(params)
            proof = self._check_proof(params, params.device) if params.device is not None else None
        except ProtocolMismatch as error:
            raise HandshakeRefused(error, request.id, CLOSE_PROTOCOL_ERROR) from error
        except InvalidRequest as error:
            raise HandshakeRefused(error, request.id) from error
        return ConnectAttempt(request_id=request.id, params=params, role=role, protocol=protocol, proof=proof)

    def _check_proof(self, params: ConnectParams, proof: DeviceProof) -> ProofVersion:
        """Which payload version proves possession of the device key.

        Raises:
            ProofRefused: naming the first thing that does not hold.
        """
        public_key = _proven_key(proof)
        if abs(proof.signed_at - self._challenged_ms) > MAX_SIGNATURE_SKEW_MS:
            raise ProofRefused("device signature expired", "SIGNATURE_EXPIRED", "device-signature-stale")
        if not proof.nonce.strip():
            raise ProofRefused("device nonce required", "NONCE_REQUIRED", "device-nonce-missing")
        if proof.nonce != self._nonce:
            raise ProofRefused("device nonce mismatch", "NONCE_MISMATCH", "device-nonce-mismatch")
        signature = decode_base64url(proof.signature)
        claim = ProofClaim.of(params, proof.id, self._nonce, proof.signed_at)
        version = verify(claim, public_key, signature) if signature is not None else None
        if version is None:
            raise ProofRefused("device signature invalid", "SIGNATURE_INVALID", "device-signature")
        return version


def _first_request(data: bytes | str) -> Request:
    if isinstance(data, str):
        # A lone surrogate has no UTF-8 form; passed on as it is, the decoder refuses it like other nonsense.
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > MAX_PREAUTH_BYTES:
        raise HandshakeRefused(InvalidRequest("frame too large before connect"), close_code=CLOSE_TOO_BIG)
    try:
        request = decode_request(data)
    except InvalidRequest as error:
        raise HandshakeRefused(InvalidRequest("invalid request frame")) from error
    if request.method != "connect":
        refusal = InvalidRequest("invalid handshake: first request must be connect")
        raise HandshakeRefused(refusal, request.id)
    return request


def _connect_params(request: Request) -> ConnectParams:
    try:
        return _connect_decoder.decode(request.params)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise violation("connect params", error) from error


def _negotiated(params: ConnectParams) -> int:
    """The version to speak.

    OpenClaw takes its previous version from nodes and probes only. The shapes an operator of version 3 uses
    are a subset of version 4, so here it is taken from operators too.
    """
    newest = min(params.max_protocol, PROTOCOL_VERSION)
    if newest < max(params.min_protocol, MIN_PROTOCOL_VERSION):
        raise ProtocolMismatch(
            "protocol mismatch",
            {
                "code": "PROTOCOL_MISMATCH",
                "clientMinProtocol": params.min_protocol,
                "clientMaxProtocol": params.max_protocol,
                "expectedProtocol": PROTOCOL_VERSION,
                "minimumProbeProtocol": MIN_PROTOCOL_VERSION,
            },
        )
    return newest


def _role(params: ConnectParams) -> Role:
    try:
        return Role(params.role)
    except ValueError as error:
        raise InvalidRequest("invalid role") from error


def _proven_key(proof: DeviceProof) -> bytes:
    """The device's raw public key, once it is the key `id` names, spelled canonically, and not a weak one."""
    loose = _decode_loosely(proof.public_key)
    if loose is None or device_id_of(loose) != proof.id:
        raise ProofRefused("device identity mismatch", "DEVICE_ID_MISMATCH", "device-id-mismatch")
    if encode_base64url(loose) != proof.public_key or not usable_public_key(loose):
        raise ProofRefused("device public key invalid", "PUBLIC_KEY_INVALID", "device-public-key")
    return loose


def _decode_loosely(text: str) -> bytes | None:
    """Bytes of any base64 spelling, only to tell a misspelled key from another device's key."""
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard.encode("ascii") + b"=" * (-len(standard) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None


class ConnectRefused(Exception):
    """A gateway refused this client; the attributes are the wire error's members."""

    def __init__(self, shape: ErrorShape) -> None:
        super().__init__(shape.message)
        self.code = shape.code
        self.message = shape.message
        self.details: dict[str, Any] = (
            msgspec.json.decode(shape.details, type=dict[str, Any]) if shape.details else {}
        )
        self.retryable = bool(shape.retryable)
        self.retry_after_ms = shape.retry_after_ms

    @property
    def detail_code(self) -> str | None:
        """`details.code`, the one to branch on."""
        found = self.details.get("code")
        return found if isinstance(found, str) else None


class ClientHandshake:
    """The client's side: feed it every frame until it returns a `HelloOk`."""

    def __init__(
        self,
        params: ConnectParams,
        identity: DeviceIdentity | None = None,
        *,
        request_id: str = "connect",
        version: ProofVersion = "v3",
    ) -> None:
        """Prepare to connect.

        Args:
            params: What to ask for; `device` is filled in here.
            identity: Key to prove; None connects without a device.
            request_id: Id of the connect request.
            version: Proof payload to sign.
        """
        self._params = params
        self._identity = identity
        self._request_id = request_id
        self._version: ProofVersion = version
        self._asked = False

    def receive(self, data: bytes | str) -> bytes | HelloOk | None:
        """The connect request to send, then the gateway's hello; None for a frame that needs nothing.

        Raises:
            ConnectRefused: the gateway said no.
            InvalidRequest: what came is not a gateway's frame.
        """
        frame = decode_reply(data)
        if isinstance(frame, EventFrame):
            return self._on_event(frame)
        if not self._asked or frame.id != self._request_id:
            return None
        if frame.ok:
            return _decoded(_hello_decoder, frame.payload, "hello-ok")
        raise ConnectRefused(
            frame.error or ErrorShape(code="UNAVAILABLE", message="refused without a reason")
        )

    def _on_event(self, frame: EventFrame) -> bytes | None:
        if frame.event != "connect.challenge" or self._asked:
            return None
        challenge = _decoded(_challenge_decoder, frame.payload, "connect.challenge")
        self._asked = True
        params = self._params
        if self._identity is not None:
            proof = self._identity.prove(params, challenge.nonce, challenge.ts, self._version)
            params = msgspec.structs.replace(params, device=proof)
        return encode_request(self._request_id, "connect", msgspec.json.encode(params))


def _decoded(
    decoder: "msgspec.json.Decoder[Any]", payload: msgspec.Raw | msgspec.UnsetType, subject: str
) -> Any:
    try:
        return decoder.decode(payload if payload is not msgspec.UNSET else b"null")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise violation(subject, error) from error
