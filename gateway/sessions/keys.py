"""How session keys are spelled.

    agent:<agentId>:main              the agent's main conversation; `main` is its short name
    agent:<agentId>:<rest>            every other conversation; a bare `<rest>` belongs to the caller's agent
    global, unknown                   belong to no agent

Keys are folded to lower case, so that `Main` and `main` are one conversation. The ids of Matrix rooms and
Signal groups keep their case, because those services tell them apart by it.

Source: spellings observed from OpenClaw 2026.9.6 gateways and its docs/concepts/session.md.
"""

import re
from typing import Final, NewType

from protocol.errors import InvalidRequest
from protocol.ids import checked_session_key
from protocol.nouns.session import SessionKind

SessionKey = NewType("SessionKey", str)
"""A canonical key, as `canonical_key` returns it."""

DEFAULT_AGENT: Final = "main"
"""The agent that is always there."""

MAIN: Final = "main"
"""The rest of an agent's main session key, and the short name for it."""

GLOBAL: Final = SessionKey("global")
UNKNOWN: Final = SessionKey("unknown")

_SENTINELS: Final = frozenset({GLOBAL, UNKNOWN})

_AGENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

_AGENT_KEY: Final = re.compile(r"agent:([^:]+):(?!:)(.+)", re.IGNORECASE | re.DOTALL)

_CASED_TAIL: Final = re.compile(
    r"(?:^|:)(?:signal:group|matrix:(?:channel|group)):(?P<tail>.+)", re.IGNORECASE | re.DOTALL
)
"""Peer ids whose case is part of the id."""


def checked_agent_id(value: str, field: str = "agentId") -> str:
    """`value` in lower case when it can name an agent.

    Raises:
        InvalidRequest: naming `field`.
    """
    folded = value.strip().lower()
    if _AGENT_ID.fullmatch(folded) is None:
        raise InvalidRequest(
            f"{field}: must be 1-64 letters, digits, '_' or '-' and start with a letter or digit",
            {"field": field},
        )
    return folded


def canonical_key(
    value: str | None,
    agent_id: str | None = None,
    field: str = "sessionKey",
    *,
    default_agent: str = DEFAULT_AGENT,
) -> SessionKey:
    """The one spelling of what a client calls a session.

    Args:
        value: A key, a short name such as `main`, or nothing for the main session.
        agent_id: The agent it must belong to, when the client said one.
        field: What errors call `value`.
        default_agent: The agent a short name belongs to when the client said none.

    Raises:
        InvalidRequest: when the key holds path or control characters, does not name an agent after `agent:`,
            or names another agent than `agent_id`.
    """
    raw = (value or "").strip() or MAIN
    checked_session_key(raw, field)
    folded = _fold(raw)
    if folded in _SENTINELS:
        return SessionKey(folded)
    agent = None if agent_id is None else checked_agent_id(agent_id)
    if folded.startswith("agent:"):
        return _scoped(folded, agent, field)
    return _scoped(f"agent:{agent or default_agent}:{folded}", agent, field)


def agent_of(key: SessionKey) -> str | None:
    """The agent a canonical key belongs to; `None` for `global` and `unknown`."""
    match = _AGENT_KEY.fullmatch(key)
    return match[1] if match is not None else None


def rest_of(key: SessionKey) -> str:
    """The key without its agent: `main`, `dashboard:…`, `telegram:direct:42`."""
    match = _AGENT_KEY.fullmatch(key)
    return match[2] if match is not None else key


def main_key(agent_id: str = DEFAULT_AGENT) -> SessionKey:
    """The main session of an agent."""
    return SessionKey(f"agent:{agent_id}:{MAIN}")


def is_main(key: SessionKey) -> bool:
    """Whether this is some agent's main session."""
    return agent_of(key) is not None and rest_of(key) == MAIN


def classification_of(key: SessionKey) -> str:
    """What a list shows a session as: `main`, `tui`, `dashboard`, `cron`, a channel's name or `direct`."""
    if key in _SENTINELS or is_main(key):
        return rest_of(key)
    rest = rest_of(key)
    if rest.startswith("tui-"):
        return "tui"
    head, colon, _ = rest.partition(":")
    return head if colon else "direct"


def kind_of(key: SessionKey) -> SessionKind:
    """`direct`, `group`, `global` or `unknown`."""
    if key == GLOBAL:
        return "global"
    if key == UNKNOWN:
        return "unknown"
    return "group" if ":group:" in key or ":channel:" in key else "direct"


def _fold(raw: str) -> str:
    match = _CASED_TAIL.search(raw)
    if match is None:
        return raw.lower()
    start = match.start("tail")
    return raw[:start].lower() + raw[start:]


def _scoped(folded: str, agent: str | None, field: str) -> SessionKey:
    match = _AGENT_KEY.fullmatch(folded)
    if match is None:
        raise InvalidRequest(f"{field}: write it as agent:<agentId>:<name>", {"field": field})
    owner = checked_agent_id(match[1], field)
    if agent is not None and owner != agent:
        raise InvalidRequest(
            f'{field}: "{folded}" belongs to agent "{owner}", not "{agent}"', {"field": field}
        )
    key = f"agent:{owner}:{match[2]}"
    checked_session_key(key, field)  # again: a short name has its agent before it now
    return SessionKey(key)
