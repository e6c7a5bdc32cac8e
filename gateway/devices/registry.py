"""Changes to the registry as whole units of work: everything here runs inside one transaction."""

from typing import Final

import msgspec

from gateway.devices import store
from gateway.devices.grants import merged
from gateway.devices.mint import TokenMint
from gateway.devices.model import Ask, Device, Pending, Token
from gateway.devices.store import Record
from gateway.kernel.store.db import Tx
from protocol.ids import new_id
from protocol.nouns.device import ApprovedVia
from protocol.scopes import Role, Scope, covers

PENDING_MS: Final = 5 * 60 * 1000
"""A request nobody repeats for this long is over. Source: OpenClaw docs/gateway/pairing.md (2026.9.6)."""

MAX_PENDING: Final = 200
"""More devices than anyone pairs at once."""

SILENT_KEPT: Final = 64
"""Silently paired devices kept of one kind of client."""

SILENT_KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""A silently paired device unseen for this long is forgotten when another of its kind comes.

OpenClaw forgets the older one at once, which logs a second browser on the same machine out (observed);
clients that make a new key on every run are what this is against.
"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request to be paired."""

    request: Pending
    is_new: bool
    gone: tuple[Pending, ...]
    """Requests that ended because of it: replaced by it, or expired."""


class RegistryWork(msgspec.Struct, frozen=True):
    """One transaction on the registry, at one moment."""

    tx: Tx
    mint: TokenMint
    now_ms: int

    def approve(self, ask: Ask, via: ApprovedVia) -> Record:
        """Let a device in as it asked, on top of what it may already, with a token for the role."""
        known = store.find(self.tx, ask.device_id)
        tokens = known.tokens if known is not None else {}
        scopes = ask.scopes if ask.role is Role.OPERATOR else ()
        device = self._approved(ask, known.device if known is not None else None, scopes, via)
        store.save(self.tx, device)
        waiting = store.pending_of(self.tx, ask.device_id)
        if waiting is not None and waiting.ask.role is ask.role and covers(device.scopes, waiting.ask.scopes):
            store.drop_pending(self.tx, waiting.request_id)
        token = self.ensure_token(Record(device, tokens), ask.role, scopes)
        return Record(device, {**tokens, ask.role: token})

    def _approved(self, ask: Ask, old: Device | None, scopes: tuple[Scope, ...], via: ApprovedVia) -> Device:
        return Device(
            device_id=ask.device_id,
            public_key=ask.public_key,
            role=ask.role,
            roles=tuple(dict.fromkeys((*(old.roles if old else ()), ask.role))),
            scopes=merged(old.scopes if old else (), scopes),
            facts=ask.facts,
            operator_label=old.operator_label if old else None,
            remote_ip=ask.remote_ip,
            approved_via=via,
            created_ms=old.created_ms if old else self.now_ms,
            approved_ms=self.now_ms,
            last_seen_ms=old.last_seen_ms if old else None,
        )

    def ensure_token(self, record: Record, role: Role, scopes: tuple[Scope, ...]) -> Token:
        """The device's token for `role`: the one it has when that serves for `scopes`, else a new one."""
        token = record.tokens.get(role)
        if token is not None and token_serves(self.mint, token, scopes):
            return token
        kept = token.scopes if token is not None and token.revoked_ms is None else ()
        return self.issue(record, role, merged(kept, scopes))

    def issue(self, record: Record, role: Role, scopes: tuple[Scope, ...]) -> Token:
        """A new token in place of whatever the device had for this role."""
        old = record.tokens.get(role)
        device_id = record.device.device_id
        token_id = self.mint.new_id()
        token = Token(
            device_id=device_id,
            role=role,
            token_id=token_id,
            token_hash=self.mint.hash(self.mint.device_token(token_id, device_id, role)),
            scopes=scopes,
            created_ms=old.created_ms if old is not None else self.now_ms,
            issued_ms=self.now_ms,
            revoked_ms=None,
            last_used_ms=old.last_used_ms if old is not None else None,
        )
        store.save_token(self.tx, token)
        return token

    def ask(self, ask: Ask) -> Asked:
        """Record that a device waits; asking again for the same or less keeps the request and its id."""
        tx, now_ms = self.tx, self.now_ms
        expired = tuple(store.expire_pending(tx, now_ms - PENDING_MS, MAX_PENDING - 1))
        known = store.pending_of(tx, ask.device_id)
        if known is not None and known.ask.role is ask.role and set(ask.scopes) <= set(known.ask.scopes):
            kept = msgspec.structs.replace(ask, scopes=known.ask.scopes)
            request = msgspec.structs.replace(known, ask=kept, asked_ms=now_ms)
            store.save_pending(tx, request)
            return Asked(request=request, is_new=False, gone=expired)
        request = Pending(
            request_id=new_id(),
            ask=ask,
            is_repair=store.find(tx, ask.device_id) is not None,
            asked_ms=now_ms,
        )
        store.save_pending(tx, request)
        replaced = (known,) if known is not None else ()
        return Asked(request=request, is_new=True, gone=(*expired, *replaced))

    def forget_superseded(self, newcomer: Device, connected: frozenset[str]) -> None:
        """Forget silently paired devices of the newcomer's kind that nobody uses."""
        present = {newcomer.device_id, *connected}
        known = store.silently_paired(self.tx, newcomer.facts)
        rivals = [(device_id, seen_ms) for device_id, seen_ms in known if device_id not in present]
        for place, (device_id, seen_ms) in enumerate(rivals):
            if place >= SILENT_KEPT or self.now_ms - seen_ms > SILENT_KEPT_MS:
                store.remove(self.tx, device_id)


def token_serves(mint: TokenMint, token: Token, scopes: tuple[Scope, ...]) -> bool:
    """Whether a stored token can be handed out for `scopes`: valid, wide enough, from the present key."""
    text = mint.device_token(token.token_id, token.device_id, token.role)
    return token.revoked_ms is None and covers(token.scopes, scopes) and mint.hash(text) == token.token_hash
