"""Roles, operator scopes, and what each scope implies.

Source: OpenClaw docs/gateway/protocol/handshake.md, "Roles and scopes" (2026.9.6).
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Role(StrEnum):
    """What a connection is for."""

    OPERATOR = "operator"
    NODE = "node"


BOTH: Final = frozenset(Role)
"""Both roles."""


class Scope(StrEnum):
    """The closed set of operator scopes."""

    ADMIN = "operator.admin"
    READ = "operator.read"
    WRITE = "operator.write"
    APPROVALS = "operator.approvals"
    QUESTIONS = "operator.questions"
    PAIRING = "operator.pairing"
    TALK = "operator.talk"
    TALK_SECRETS = "operator.talk.secrets"


ALL_SCOPES: frozenset[Scope] = frozenset(Scope)

_IMPLIED: dict[Scope, frozenset[Scope]] = {
    Scope.ADMIN: ALL_SCOPES,
    Scope.WRITE: frozenset({Scope.WRITE, Scope.READ, Scope.TALK}),
}


def implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Everything `scopes` allow: `admin` allows all, `write` also `read` and `talk`."""
    return _implied(tuple(scopes))


@lru_cache(maxsize=512)  # asked for every request and every delivery of an event, for few different grants
def _implied(scopes: tuple[Scope, ...]) -> frozenset[Scope]:
    result: set[Scope] = set()
    for scope in scopes:
        result |= _IMPLIED.get(scope, frozenset({scope}))
    return frozenset(result)


def allows(granted: Iterable[Scope], needed: Scope) -> bool:
    """Whether a grant covers one scope."""
    return needed in implied(granted)


def covers(granted: Iterable[Scope], wanted: Iterable[Scope]) -> bool:
    """Whether a grant covers every wanted scope: nobody may hand out more than they hold."""
    return implied(wanted) <= implied(granted)


def parse_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """Known scopes in the order given, each once; unknown names grant nothing and are dropped."""
    known = {scope.value: scope for scope in Scope}
    return tuple(dict.fromkeys(known[name] for name in names if name in known))
