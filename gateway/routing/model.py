"""What routing reads of a message, and what it decides."""

from typing import Protocol

import msgspec

from protocol.errors import NotFound


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a message that rules may look at."""

    channel: str
    account: str
    """Which of our accounts it reached, or the actor of an operator connection."""
    sender: str
    thread: str
    text: str
    at_ms: int
    """Wall clock of its arrival."""
    conversation: str = ""
    """Peer or group on the channel; decides the session when the message names none."""
    is_group: bool = False
    session_key: str | None = None
    """What the sender asked for, as they wrote it."""
    agent_id: str | None = None
    """The agent the sender asked for."""


class Route(msgspec.Struct, frozen=True):
    """Where a message goes, and why."""

    agent_id: str
    session_key: str
    """Canonical: `agent:<agent>:…`."""
    rule_id: str | None
    reason: str
    """For people: `named in the session key`, `rule night-shift`, `default agent`, …"""


class AgentNames(Protocol):
    """Which agents exist; the agent directory, seen from below."""

    @property
    def default_agent_id(self) -> str:
        """The agent that answers when nobody is named."""
        ...

    def resolve(self, agent_id: str) -> object:
        """The agent of that id.

        Raises:
            NotFound: there is none.
        """
        ...


class OnlyMain:
    """The agents before the directory is connected: just the one that is always there."""

    default_agent_id = "main"

    def resolve(self, agent_id: str) -> str:
        """`main`.

        Raises:
            NotFound: for every other id.
        """
        if agent_id != self.default_agent_id:
            raise NotFound(f"there is no agent {agent_id}")
        return agent_id
