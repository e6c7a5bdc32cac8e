"""What lower tiers ask of higher ones, as small protocols."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.kernel.rpc.context import Ctx, PeerFacts, Principal
from protocol.connect import ConnectParams, HelloAuth
from protocol.nouns.approval import Approval
from protocol.nouns.command import SlashCommand


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a successful `connect`."""

    principal: Principal
    auth: HelloAuth
    """What `hello-ok.auth` says, including a newly issued device token."""


class Admission(Protocol):
    """Decides whether a connection may enter. Implemented by `devices`."""

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        """Check credentials, device and grant of an attempt whose form and device proof are already verified.

        Raises:
            GatewayError: with the wire code, `details.code` and recovery hints of the handshake error matrix.
        """
        ...


class NodeDevices(Protocol):
    """Takes the role of a node from a device. Implemented by `devices`."""

    async def end_node_role(self, caller: Principal, device_id: str) -> None:
        """End the node's token and close its connections; a device that was only a node is forgotten.

        Does nothing for a device that is no node.
        """
        ...


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of sessions shows of the agent behind a session."""

    runtime: str
    """`offline`, `llm` or `command`."""
    model_provider: str | None = None
    model: str | None = None
    context_tokens: int | None = None
    thinking_levels: tuple[str, ...] = ("off",)
    thinking_default: str = "off"


class AgentCatalog(Protocol):
    """Which agents there are, for whoever only shows them; answers from RAM, on any thread.

    Implemented by `agents`, which hands it to `SessionIndex.attach_agents` and calls
    `SessionIndex.forget_pages()` whenever an answer would change.
    """

    def agent_ids(self) -> tuple[str, ...]:
        """Every agent, the default one first."""
        ...

    def facts(self, agent_id: str) -> AgentFacts | None:
        """The present facts of an agent; `None` when there is none of that id."""
        ...

    def choose_model(self, agent_id: str, name: str) -> AgentFacts | None:
        """The facts of an agent with another model, named as people do (`model` or `provider/model`).

        `None` when the agent cannot use a model of that name.
        """
        ...


class StartedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A first message that is durable and will be answered."""

    run_id: str
    status: str = "started"
    message_seq: int | None = None
    """Position of the message in the transcript, when it is stored there already."""


class FirstMessage(Protocol):
    """Starts a run with the message of `sessions.create`. Implemented by `chat`.

    `sessions.send`, `sessions.steer` and `sessions.abort` are chat's own methods: they start and end turns.
    """

    async def start(
        self,
        ctx: Ctx,
        session_key: str,
        message: str,
        attachments: list[msgspec.Raw],
        idempotency_key: str | None,
    ) -> StartedRun:
        """Accept the message as `chat.send` would; the session exists already.

        Raises:
            GatewayError: when the message was not accepted; the caller reports it beside the new session.
        """
        ...


class RunStopper(Protocol):
    """Ends the work of a session before it is archived, reset or deleted. Implemented by `chat`."""

    async def stop(self, session_key: str, reason: str) -> None:
        """Abort running and queued runs of the session and return when they are over and stored as aborted.

        Raises:
            Unavailable: they did not end in time; the session must stay as it is.
        """
        ...


class PendingApprovals(Protocol):
    """What waits for a person's permission. Implemented by `approvals`, told to who opens a session."""

    async def pending_for(self, session_key: str) -> list[Approval]:
        """Undecided approvals asked for in one session, as clients see them, oldest first."""
        ...


class CommandTable(Protocol):
    """The slash commands people may type. Implemented by `chat`, listed by `agents` (`commands.list`)."""

    def commands(self, agent_id: str) -> Sequence[SlashCommand]:
        """Every command for sessions of that agent, arguments included, in the order to show."""
        ...
