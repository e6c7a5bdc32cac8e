"""The chain itself: what an entry's hash covers, how entries follow each other, where a chain is broken.

An entry's hash is SHA-256 over the line `homarus.audit.v1` and the JSON array

    [seq, tsMs, action, actor, subject, outcome, details, prevHash]

without blanks, as UTF-8; `details` is a string that holds JSON. The first entry's `prevHash` is 64 zeros.
Anybody can check an exported chain with a JSON encoder and SHA-256 alone.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

NO_HASH: Final = "0" * 64
"""`prev_hash` of the first entry."""

_DOMAIN: Final = b"homarus.audit.v1\n"

Problem = Literal["altered", "missing", "unlinked", "rewritten", "cut", "foreign", "unsealed", "unreadable"]
"""What is wrong with the first broken entry.

`altered`: its content does not give its hash. `missing`: it is not there, a later one is. `unlinked`: it
names another entry before it than the one that is there. `rewritten`: it is whole but not what the gateway
noted. `cut`: the gateway noted it and nothing is there any more. `foreign`: the gateway did not write it.
`unsealed`: somebody else than the gateway noted it. `unreadable`: the file is damaged from there on.
"""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded; every text is harmless and bounded already."""

    ts_ms: int
    action: str
    """Dotted, such as `device.pair.approved`."""
    actor: str
    """Who did it: a device id, `client:<id>`, `agent:<id>` or `system`."""
    subject: str
    """What it was done to; empty when the action says it all."""
    outcome: str
    """`ok`, or in one word why not."""
    details: str
    """A JSON object."""


class Head(msgspec.Struct, frozen=True):
    """The end of a chain; `seq` 0 and `NO_HASH` for an empty one."""

    seq: int
    hash: str


EMPTY: Final = Head(0, NO_HASH)


class Entry(Draft, frozen=True, kw_only=True):
    """One link."""

    seq: int
    """1, 2, 3, … without a gap."""
    prev_hash: str
    hash: str

    @property
    def head(self) -> Head:
        """The chain that ends here."""
        return Head(self.seq, self.hash)

    @property
    def computed_hash(self) -> str:
        """What `hash` has to be."""
        return _digest(self.seq, self, self.prev_hash)


class Break(msgspec.Struct, frozen=True):
    """The first entry that is not as it was written."""

    seq: int
    problem: Problem


def link(head: Head, draft: Draft) -> Entry:
    """`draft` as the entry after `head`."""
    seq = head.seq + 1
    return Entry(
        ts_ms=draft.ts_ms,
        action=draft.action,
        actor=draft.actor,
        subject=draft.subject,
        outcome=draft.outcome,
        details=draft.details,
        seq=seq,
        prev_hash=head.hash,
        hash=_digest(seq, draft, head.hash),
    )


class Walk:
    """Follows a chain from its first entry and stops at the first break."""

    def __init__(self, noted: Mapping[int, str]) -> None:
        """`noted` are hashes by `seq` that were written down elsewhere."""
        self._noted = dict(noted)
        self.genesis: str = NO_HASH
        """Hash of the first entry."""
        self.head: Head = EMPTY
        """How far the chain is whole."""

    def step(self, entry: Entry) -> Break | None:
        """Look at the next entry there is."""
        expected = self.head.seq + 1
        if entry.seq != expected:
            return Break(expected, "missing")
        if entry.computed_hash != entry.hash:
            return Break(expected, "altered")
        if entry.prev_hash != self.head.hash:
            return Break(expected, "unlinked")
        if self._noted.get(expected, entry.hash) != entry.hash:
            return Break(expected, "rewritten")
        if expected == 1:
            self.genesis = entry.hash
        self.head = entry.head
        return None

    def end(self) -> Break | None:
        """There is no entry after the last one."""
        if any(seq > self.head.seq for seq in self._noted):
            return Break(self.head.seq + 1, "cut")
        return None


def _digest(seq: int, draft: Draft, prev_hash: str) -> str:
    fields = (
        seq,
        draft.ts_ms,
        draft.action,
        draft.actor,
        draft.subject,
        draft.outcome,
        draft.details,
        prev_hash,
    )
    return hashlib.sha256(_DOMAIN + msgspec.json.encode(fields)).hexdigest()
