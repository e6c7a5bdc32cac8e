"""The rules on disk: one row, replaced as a whole, so that a set of rules is never half old and half new."""

import msgspec

from gateway.kernel.store.db import Tx
from protocol.nouns.route import RouteRule

_decode = msgspec.json.Decoder(list[RouteRule]).decode


class StoredRules(msgspec.Struct, frozen=True):
    """The rules and how often they have changed."""

    rules: list[RouteRule]
    revision: int


def load(tx: Tx) -> StoredRules:
    """The stored rules; none at revision 0 before the first change."""
    row = tx.execute("SELECT rules, revision FROM routing_rules WHERE id = 1").fetchone()
    return StoredRules(_decode(row[0]), row[1]) if row else StoredRules([], 0)


def replace(tx: Tx, rules: list[RouteRule], expected_revision: int | None, now_ms: int) -> StoredRules | None:
    """Store `rules` as the next revision; None when `expected_revision` is not the current one."""
    current = load(tx)
    if expected_revision is not None and expected_revision != current.revision:
        return None
    stored = StoredRules(rules, current.revision + 1)
    tx.execute(
        "INSERT INTO routing_rules (id, revision, rules, updated_ms) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, rules = excluded.rules,"
        " updated_ms = excluded.updated_ms",
        (stored.revision, msgspec.json.encode(rules), now_ms),
    )
    return stored
