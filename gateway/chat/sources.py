"""Who sends a message: what is kept of a connection once it is gone."""

from typing import Final

import msgspec

from gateway.chat.commands import parse
from gateway.chat.intake import Incoming
from gateway.chat.model import RunRequest, Sender
from gateway.kernel.log import printable
from gateway.kernel.rpc.context import Ctx, Principal
from gateway.sessions.model import Seed
from protocol.errors import InvalidRequest
from protocol.ids import new_id
from protocol.limits import MAX_ID_CHARS
from protocol.methods.agent import Agent
from protocol.methods.chat import AttachmentUpload, ChatSend
from protocol.nouns.session import Actor, Identity

WEBCHAT: Final = "webchat"
"""Channel of everything an operator types, whatever client they use."""

MAX_TITLE_CHARS: Final = 200
"""A task's title is one line of its message."""

_upload = msgspec.json.Decoder(AttachmentUpload).decode


def identity_of(principal: Principal) -> Identity:
    """The person behind a connection, or the client when nobody is known."""
    if principal.profile_id is not None:
        return Identity(type="profile", id=principal.profile_id)
    return Identity(
        type="observation", id=principal.client.id, plugin_id=None, account_id=None, sender_kind="unknown"
    )


def sender_of(principal: Principal) -> Sender:
    """What is kept of a connection with its message."""
    return Sender(
        actor=principal.actor,
        scopes=principal.scopes,
        caps=tuple(sorted(principal.caps)),
        identity=identity_of(principal),
        client_id=principal.client.id,
        client_mode=principal.client.mode,
        client_name=principal.client.display_name,
    )


def seed_of(principal: Principal) -> Seed:
    """What a session is born with when an operator's message is its first."""
    identity = identity_of(principal)
    if identity.type != "profile":
        return Seed(created_via="run")
    return Seed(created_via="run", creator=Actor(type="human", id=identity.id, identity=identity))


def from_chat(ctx: Ctx, call: ChatSend, *, method: str = "chat.send") -> Incoming:
    """The message of a `chat.send`."""
    principal = ctx.principal
    request = RunRequest(
        sender=sender_of(principal),
        trace_id=ctx.trace_id,
        request_id=printable(ctx.request_id, MAX_ID_CHARS),
        thinking=call.thinking,
        timeout_s=call.timeout_ms / 1000 if call.timeout_ms else None,
        is_command=not call.suppress_command_interpretation and parse(call.message) is not None,
    )
    return Incoming(
        kind="chat",
        origin=f"{method}/{principal.actor}",
        external_id=call.idempotency_key,
        run_id=call.idempotency_key,
        text=call.message,
        request=request,
        seed=seed_of(principal),
        channel=call.originating_channel or WEBCHAT,
        account=call.originating_account_id or principal.actor,
        sender=call.originating_to or identity_of(principal).id,
        sender_name=principal.client.display_name,
        thread=call.originating_thread_id or "",
        session_key=call.session_key,
        agent_id=call.agent_id,
        queue_mode=call.queue_mode,
        uploads=call.attachments,
    )


def from_agent(ctx: Ctx, call: Agent) -> Incoming:
    """The message of an `agent` call. Each gets an answer of its own, so none joins another one's turn."""
    principal = ctx.principal
    model = call.model
    if model is not None and call.provider is not None and "/" not in model:
        model = f"{call.provider}/{model}"
    request = RunRequest(
        sender=sender_of(principal),
        trace_id=ctx.trace_id,
        request_id=printable(ctx.request_id, MAX_ID_CHARS),
        model=model,
        thinking=call.thinking,
        timeout_s=float(call.timeout) if call.timeout else None,
        extra_system=call.extra_system_prompt,
        task_id=new_id(),
    )
    first_line = call.message.strip().partition("\n")[0]
    return Incoming(
        kind="agent",
        origin=f"agent/{principal.actor}",
        external_id=call.idempotency_key,
        run_id=call.idempotency_key,
        text=call.message,
        request=request,
        seed=seed_of(principal),
        channel=call.channel or WEBCHAT,
        account=call.account_id or principal.actor,
        sender=call.to or identity_of(principal).id,
        conversation=call.group_id or call.to or "",
        is_group=call.group_id is not None,
        thread=call.thread_id or "",
        session_key=call.session_key,
        agent_id=call.agent_id,
        queue_mode="followup",
        uploads=call.attachments,
        task_title=call.label or first_line[:MAX_TITLE_CHARS],
    )


def uploads_of(raw: list[msgspec.Raw]) -> tuple[AttachmentUpload, ...]:
    """Attachments that another method passes on as they came.

    Raises:
        InvalidRequest: naming the attachment that cannot be read.
    """
    uploads: list[AttachmentUpload] = []
    for index, item in enumerate(raw):
        try:
            uploads.append(_upload(item))
        except msgspec.MsgspecError as error:
            field = f"attachments/{index}"
            raise InvalidRequest(f"{field}: {error}", {"field": field}) from error
    return tuple(uploads)
