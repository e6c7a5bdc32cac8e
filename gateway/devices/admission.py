"""Who gets in, as whom, and with what."""

import logging
from collections.abc import Callable
from typing import Final

from gateway.devices import grants, refusals, store
from gateway.devices.credentials import Presented, SharedMethod, shared_method
from gateway.devices.enrolment import Enrolment, Entry
from gateway.devices.lockouts import Lockouts, source_of
from gateway.devices.mint import TokenMint
from gateway.devices.model import Ask, ClientFacts, Token
from gateway.kernel.clock import Clock
from gateway.kernel.config.gateway import AuthSettings
from gateway.kernel.net.local import OWNER_PROFILE
from gateway.kernel.ports import Admitted
from gateway.kernel.rpc.context import PeerFacts, Principal
from gateway.kernel.store.db import Database
from gateway.kernel.supervisor import Supervisor
from protocol.connect import BROWSER_CLIENT_IDS, ClientInfo, ConnectParams, HelloAuth, IssuedToken
from protocol.errors import GatewayError, Unauthorized, Unavailable
from protocol.scopes import ALL_SCOPES, Role, Scope

HTTP_CLIENT: Final = ClientInfo(id="gateway-client", version="http", platform="http", mode="backend")
"""How a bearer token's owner appears where a connection would name its program."""

HTTP_REMOTE_SCOPES: Final = (Scope.READ, Scope.WRITE)
"""What the shared secret is worth over HTTP from elsewhere: talking to agents, but not administration."""

logger = logging.getLogger(__name__)


class DeviceAdmission:
    """Implements the `Admission` port of the kernel, and checks bearer tokens of HTTP requests."""

    def __init__(
        self,
        *,
        db: Database,
        mint: TokenMint,
        enrolment: Enrolment,
        lockouts: Lockouts,
        auth: Callable[[], AuthSettings],
        clock: Clock,
        tasks: Supervisor,
    ) -> None:
        self._db = db
        self._mint = mint
        self._enrolment = enrolment
        self._lockouts = lockouts
        self._auth = auth
        self._clock = clock
        self._tasks = tasks

    # The port

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        """See `Admission.admit`. Every wrong credential is counted, whatever came with it."""
        if peer.origin is None and params.client.id in BROWSER_CLIENT_IDS:
            raise refusals.page_origin_needed()
        presented = Presented.of(params.auth)
        source = source_of(peer)
        method = await self._prove_secret(presented, peer, source)
        if method is not None:
            return await self._with_secret(params, peer, method)
        try:
            return await self._with_own_token(params, peer, presented, source)
        except GatewayError as refusal:
            raise await self._counted(refusal, presented, source) from refusal

    async def bearer(self, token: str | None, peer: PeerFacts) -> Principal:
        """Who sends an HTTP request: the shared secret's owner, or a paired operator by its device token.

        Raises:
            Unauthorized: when the token is missing or wrong; `LockedOut` after too many wrong ones.
        """
        presented = Presented(token=token or None)
        source = source_of(peer)
        method = await self._prove_secret(presented, peer, source)
        if method is not None:
            local = peer.direct_loopback and peer.origin is None
            scopes = tuple(sorted(ALL_SCOPES)) if local else HTTP_REMOTE_SCOPES
            return self._principal(HTTP_CLIENT, peer, Role.OPERATOR, scopes, method)
        if not token:
            raise refusals.secret_missing(self._secret_kind())
        found = None
        if not self._lockouts.retry_after_ms(source, "shared"):
            digest = self._mint.hash(token)
            found = await self._db.read(lambda tx: store.find_token(tx, digest))
        if found is None or found.role is not Role.OPERATOR:
            refusal = refusals.secret_wrong(self._secret_kind(), has_device=False)
            raise await self._counted(refusal, presented, source)
        return self._principal(
            HTTP_CLIENT, peer, Role.OPERATOR, found.scopes, "device-token", device_id=found.device_id
        )

    # Credentials

    async def _prove_secret(
        self, presented: Presented, peer: PeerFacts, source: str | None
    ) -> SharedMethod | None:
        """How the shared secret was proven; None when it was not, or the source may not guess any more."""
        if self._lockouts.retry_after_ms(source, "shared"):
            return None
        method = shared_method(self._auth(), presented, peer)
        if method is not None:
            await self._lockouts.succeeded(source, "shared")
        return method

    async def _counted(self, refusal: GatewayError, presented: Presented, source: str | None) -> GatewayError:
        """Count what was wrong; the refusal to give, which is a lock-out when one is in force."""
        waits = [self._lockouts.retry_after_ms(source, kind) for kind in presented.kinds]
        if any(waits):
            return refusals.locked_out(max(waits))
        if refusal.details.get("code") not in _RIGHT_CREDENTIAL:
            for kind in presented.kinds:
                await self._lockouts.failed(source, kind)
        return refusal

    def _secret_kind(self) -> str:
        mode = self._auth().mode
        return "password" if mode == "password" else "token"

    # Entering

    async def _with_secret(self, params: ConnectParams, peer: PeerFacts, method: SharedMethod) -> Admitted:
        """Enter with the shared secret, with a device or without."""
        if params.device is None or grants.is_internal(params, peer):
            if params.role == Role.NODE:
                raise refusals.device_needed()
            if grants.needs_device(params, peer):
                raise refusals.page_device_needed()
            scopes = grants.deviceless_scopes(params, peer)
            principal = self._principal(params.client, peer, Role.OPERATOR, scopes, method, caps=params.caps)
            return Admitted(
                principal=principal, auth=HelloAuth(method=method, role=Role.OPERATOR, scopes=list(scopes))
            )
        ask = _ask(params, peer)
        entry = await self._enrolment.by_secret(ask, silent=grants.pairs_silently(ask, peer))
        return self._entered(params, peer, ask, entry, method)

    async def _with_own_token(
        self, params: ConnectParams, peer: PeerFacts, presented: Presented, source: str | None
    ) -> Admitted:
        """Enter with a device's own token or a setup code.

        Raises:
            GatewayError: naming what is missing or wrong.
        """
        if params.device is None:
            raise self._deviceless_refusal(params, peer, presented)
        ask = _ask(params, peer)
        token, code = presented.possible_device_token, presented.bootstrap_token
        if token is not None and not self._lockouts.retry_after_ms(source, "device"):
            try:
                entry = await self._enrolment.by_device_token(ask, token, local=peer.direct_loopback)
            except Unauthorized as refusal:
                if presented.device_token is None and refusal.details["code"] == _NOT_A_DEVICE_TOKEN:
                    refusal = refusals.secret_wrong(self._secret_kind(), has_device=True)
                if code is None:
                    raise refusal from None
            else:
                await self._device_token_used(presented, token, source)
                return self._entered(params, peer, ask, entry, "device-token")
        if code is not None and not self._lockouts.retry_after_ms(source, "bootstrap"):
            entry = await self._enrolment.by_setup_code(ask, code)
            await self._lockouts.succeeded(source, "bootstrap")
            return self._entered(params, peer, ask, entry, "bootstrap-token")
        if presented.kinds:
            raise refusals.secret_wrong(self._secret_kind(), has_device=True)
        raise refusals.secret_missing(self._secret_kind())

    async def _device_token_used(self, presented: Presented, token: str, source: str | None) -> None:
        """A right device token clears its count; a wrong shared secret beside it still counts as a guess."""
        await self._lockouts.succeeded(source, "device")
        guess = presented.shared_for(self._auth().mode if self._auth().mode != "none" else "token")
        if guess is not None and guess != token:
            await self._lockouts.failed(source, "shared")

    def _deviceless_refusal(
        self, params: ConnectParams, peer: PeerFacts, presented: Presented
    ) -> GatewayError:
        if "shared" in presented.kinds:
            return refusals.secret_wrong(self._secret_kind(), has_device=False)
        return (
            refusals.page_device_needed() if grants.needs_device(params, peer) else refusals.device_needed()
        )

    def _entered(
        self, params: ConnectParams, peer: PeerFacts, ask: Ask, entry: Entry, method: str
    ) -> Admitted:
        self._tasks.spawn("device seen", self._seen(ask, by_token=method == "device-token"))
        principal = self._principal(
            params.client, peer, ask.role, ask.scopes, method, caps=params.caps, device_id=ask.device_id
        )
        extra = entry.extra
        auth = HelloAuth(
            method=method,
            role=ask.role,
            scopes=list(ask.scopes),
            device_token=self._text(entry.token),
            issued_at_ms=entry.token.issued_ms,
            device_tokens=[self._issued(extra)] if extra is not None else None,
        )
        return Admitted(principal=principal, auth=auth)

    async def _seen(self, ask: Ask, *, by_token: bool) -> None:
        now_ms = self._clock.now_ms()
        try:
            await self._db.write(
                lambda tx: store.touch(tx, ask.device_id, ask.role, now_ms, by_token=by_token)
            )
        except Unavailable as error:
            # Nobody waits for this and nothing depends on it.
            logger.debug("when device %s was seen is not stored: %s", ask.device_id, error)

    def _text(self, token: Token) -> str:
        return self._mint.device_token(token.token_id, token.device_id, token.role)

    def _issued(self, token: Token) -> IssuedToken:
        return IssuedToken(
            device_token=self._text(token),
            role=token.role,
            scopes=list(token.scopes),
            issued_at_ms=token.issued_ms,
        )

    def _principal(
        self,
        client: ClientInfo,
        peer: PeerFacts,
        role: Role,
        scopes: tuple[Scope, ...],
        method: str,
        *,
        caps: tuple[str, ...] = (),
        device_id: str | None = None,
    ) -> Principal:
        owner = role is Role.OPERATOR and device_id is not None
        return Principal(
            conn_id=peer.conn_id,
            role=role,
            scopes=scopes,
            client=client,
            device_id=device_id,
            profile_id=OWNER_PROFILE if owner else None,
            caps=frozenset(caps),
            remote_ip=peer.remote_ip,
            auth_method=method,
        )


_NOT_A_DEVICE_TOKEN: Final = "AUTH_DEVICE_TOKEN_MISMATCH"  # noqa: S105 - an error code

_RIGHT_CREDENTIAL: Final = frozenset({"AUTH_SCOPE_MISMATCH", "PAIRING_REQUIRED"})
"""Refusals of a client whose credential was right."""


def _ask(params: ConnectParams, peer: PeerFacts) -> Ask:
    device = params.device
    if device is None:
        raise TypeError("an ask needs a device")
    return Ask(
        device_id=device.id,
        public_key=device.public_key,
        role=Role(params.role),
        scopes=grants.asked_scopes(params),
        facts=ClientFacts.of(params),
        remote_ip=None if peer.direct_loopback else peer.remote_ip,
        browser_origin=peer.origin,
    )
