"""Entering with a device: with the shared secret, with the device's token, or with a setup code."""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from gateway.devices import refusals, setup_store, store
from gateway.devices.epoch import AuthEpoch
from gateway.devices.grants import upgrade_needed
from gateway.devices.mint import TokenMint, same_hash
from gateway.devices.model import Ask, Device, SetupCode, Token
from gateway.devices.notices import Notices
from gateway.devices.refusals import PairingReason
from gateway.devices.registry import Asked, RegistryWork, token_serves
from gateway.devices.store import Record
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from protocol.errors import Unauthorized
from protocol.nouns.device import SetupAccess
from protocol.scopes import Role, Scope, covers

LIMITED_SCOPES: Final = (
    Scope.APPROVALS,
    Scope.QUESTIONS,
    Scope.READ,
    Scope.TALK_SECRETS,
    Scope.WRITE,
)
"""What a phone set up with a limited code gets beside its node token. Observed from OpenClaw 2026.9.6."""

SETUP_SCOPES: Final[dict[SetupAccess, tuple[Scope, ...]]] = {
    "full": (Scope.ADMIN, *LIMITED_SCOPES),
    "limited": LIMITED_SCOPES,
    "node": (),
}

PHONE_CLIENTS: Final = frozenset({"openclaw-ios", "openclaw-android", "openclaw-watchos"})
"""Clients a scanned code lets in at once; others with such a code wait for an approval. Observed."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A device that may enter, with the tokens to tell it."""

    device: Device
    token: Token
    extra: Token | None = None
    """A second token handed out with a setup code."""


class _Waits(msgspec.Struct, frozen=True, kw_only=True):
    """The device must be approved first."""

    reason: PairingReason
    ask: Ask
    asked: Asked
    device: Device | None


class _Paired(msgspec.Struct, frozen=True, kw_only=True):
    """The device was let in just now."""

    entry: Entry
    setup: SetupCode | None = None


_Outcome = Entry | _Waits | _Paired | Unauthorized


class Enrolment:
    """Decides on entries and records what follows from them."""

    def __init__(
        self,
        db: Database,
        mint: TokenMint,
        epoch: AuthEpoch,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._db = db
        self._mint = mint
        self._epoch = epoch
        self._notices = notices
        self._clock = clock

    async def by_secret(self, ask: Ask, *, silent: bool) -> Entry:
        """Enter with the shared secret.

        Args:
            ask: What the device wants; its key is proven.
            silent: Whether it may be approved at once.

        Raises:
            NotPaired: when an approval is needed.
        """
        record = await self._epoch.settled(lambda: self._db.read(lambda tx: store.find(tx, ask.device_id)))
        token = record.tokens.get(ask.role) if record is not None else None
        if (
            record is not None
            and token is not None
            and upgrade_needed(record.device, ask) is None
            and token_serves(self._mint, token, ask.scopes)
        ):
            return Entry(device=record.device, token=token)
        connected = self._notices.connected_devices()
        outcome = await self._work(partial(_by_secret, ask=ask, silent=silent, connected=connected))
        return self._settle(outcome, retries=ask.role is Role.OPERATOR)

    async def by_device_token(self, ask: Ask, token_text: str, *, local: bool) -> Entry:
        """Enter with the token this device was given for this role.

        Args:
            ask: What the device wants; its key is proven.
            token_text: The token it presented.
            local: Whether it comes from this machine, where a changed description needs no approval.

        Raises:
            Unauthorized: when the token is not this device's or does not cover what it asks.
            NotPaired: when the device changed and must be approved again.
        """

        async def decide() -> Entry | PairingReason:
            record = await self._db.read(lambda tx: store.find(tx, ask.device_id))
            return _judge_token(record, ask, token_text)

        decision = await self._epoch.settled(decide)
        if isinstance(decision, Entry):
            return decision
        work = partial(_by_token, ask=ask, token_text=token_text, local=local)
        return self._settle(await self._work(work), retries=ask.role is Role.OPERATOR)

    async def by_setup_code(self, ask: Ask, token_text: str) -> Entry:
        """Enter with the token of a setup code, using the code up.

        Raises:
            Unauthorized: when the code is not good for this device and request.
            NotPaired: when the device must be approved first; the code is then kept for it alone.
        """
        outcome = await self._work(partial(_by_setup_code, ask=ask, token_hash=self._mint.hash(token_text)))
        return self._settle(outcome, retries=True)

    async def _work(self, decide: Callable[[RegistryWork], _Outcome]) -> _Outcome:
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> _Outcome:
            return decide(RegistryWork(tx, self._mint, now_ms))

        return await self._db.write(unit)

    def _settle(self, outcome: _Outcome, *, retries: bool) -> Entry:
        """Tell operators what happened; return the entry or raise the refusal."""
        match outcome:
            case Entry():
                return outcome
            case Unauthorized():
                raise outcome
            case _Waits():
                self._notices.asked(outcome.asked)
                raise refusals.pairing_needed(
                    outcome.reason, outcome.ask, outcome.asked.request, outcome.device, retries=retries
                )
            case _Paired():
                self._notices.let_in(outcome.entry.device, outcome.setup)
                return outcome.entry


def _by_secret(work: RegistryWork, *, ask: Ask, silent: bool, connected: frozenset[str]) -> _Outcome:
    record = store.find(work.tx, ask.device_id)
    reason = upgrade_needed(record.device, ask) if record is not None else "not-paired"
    if record is not None and reason is None:
        token = work.ensure_token(record, ask.role, ask.scopes)
        return Entry(device=record.device, token=token)
    # Becoming a node is for a person to decide, also on this machine. Observed from OpenClaw 2026.9.6.
    if not silent or reason == "role-upgrade":
        return _wait(work, ask, reason, record)
    record = work.approve(ask, "silent")
    work.forget_superseded(record.device, connected)
    return _Paired(entry=_entry(record, ask.role))


def _by_token(work: RegistryWork, *, ask: Ask, token_text: str, local: bool) -> _Outcome:
    record = store.find(work.tx, ask.device_id)
    try:
        decision = _judge_token(record, ask, token_text)
    except Unauthorized as refusal:
        return refusal
    if isinstance(decision, Entry):
        return decision
    if record is not None and decision == "metadata-upgrade" and local and ask.browser_origin is None:
        device = msgspec.structs.replace(record.device, facts=ask.facts)
        store.save(work.tx, device)
        return Entry(device=device, token=record.tokens[ask.role])
    return _wait(work, ask, decision, record)


def _judge_token(record: Record | None, ask: Ask, token_text: str) -> Entry | PairingReason:
    """What a presented device token is worth.

    Raises:
        Unauthorized: when it is not this device's for this role, or covers less than asked.
    """
    token = record.tokens.get(ask.role) if record is not None else None
    if record is None or token is None or not same_hash(token.token_hash, token_text):
        raise refusals.device_token_wrong()
    if token.revoked_ms is not None:
        raise refusals.device_token_wrong()
    if not covers(token.scopes, ask.scopes):
        raise refusals.device_token_too_small()
    reason = upgrade_needed(record.device, ask)
    return reason if reason is not None else Entry(device=record.device, token=token)


def _by_setup_code(work: RegistryWork, *, ask: Ask, token_hash: bytes) -> _Outcome:
    code = setup_store.usable(work.tx, token_hash, ask.device_id, work.now_ms)
    if code is None or not _allowed(code.access, ask):
        return refusals.setup_code_wrong()
    record = store.find(work.tx, ask.device_id)
    phone = code.access != "node" and ask.role is Role.NODE and ask.facts.client_id in PHONE_CLIENTS
    reason = upgrade_needed(record.device, ask) if record is not None else "not-paired"
    if reason is not None and code.access != "node" and not phone:
        setup_store.bind(work.tx, code.setup_id, ask.device_id)
        return _wait(work, ask, reason, record)
    if not setup_store.use(work.tx, code.setup_id, ask.device_id, ask.facts.display_name, work.now_ms):
        return refusals.setup_code_wrong()
    record = work.approve(ask, "bootstrap")
    entry = _entry(record, ask.role)
    if phone:
        operator = msgspec.structs.replace(ask, role=Role.OPERATOR, scopes=SETUP_SCOPES[code.access])
        both = work.approve(operator, "bootstrap")
        entry = Entry(device=both.device, token=both.tokens[ask.role], extra=both.tokens[Role.OPERATOR])
    return _Paired(entry=entry, setup=msgspec.structs.replace(code, used_ms=work.now_ms))


def _allowed(access: SetupAccess, ask: Ask) -> bool:
    """Whether a code may give what is asked: never more than it was made for."""
    if ask.role is Role.NODE:
        return True
    return access != "node" and covers(SETUP_SCOPES[access], ask.scopes)


def _wait(work: RegistryWork, ask: Ask, reason: PairingReason | None, record: Record | None) -> _Outcome:
    return _Waits(
        reason=reason or "not-paired",
        ask=ask,
        asked=work.ask(ask),
        device=record.device if record is not None else None,
    )


def _entry(record: Record, role: Role) -> Entry:
    return Entry(device=record.device, token=record.tokens[role])
