"""Who acts in sessions: from a caller to what the index keeps of them."""

from gateway.kernel.rpc.context import Principal
from gateway.sessions import keys
from gateway.sessions.keys import DEFAULT_AGENT, SessionKey
from gateway.sessions.model import Session
from protocol.nouns.session import Actor, ForkSource, Identity


def actor_of(principal: Principal) -> Actor | None:
    """The person behind a connection; `None` when the gateway does not know one."""
    if principal.profile_id is None:
        return None
    return Actor(type="human", id=principal.profile_id)


def speaker_of(principal: Principal) -> Identity:
    """Who speaks through a connection: the person, or else the kind of program."""
    if principal.profile_id is not None:
        return Identity(type="profile", id=principal.profile_id)
    return observed(principal.client.id)


def observed(sender_id: str) -> Identity:
    """A sender that is known only by the id it came with."""
    return Identity(type="observation", id=sender_id, plugin_id=None, account_id=None, sender_kind="unknown")


def fork_of(source: Session, entry_id: str | None = None) -> ForkSource:
    """Where a fork comes from."""
    return ForkSource(session_key=source.key, session_id=source.session_id, entry_id=entry_id)


def agent_of(session: Session | SessionKey) -> str:
    """The agent that answers in a session."""
    agent_id = session.agent_id if isinstance(session, Session) else keys.agent_of(session)
    return agent_id or DEFAULT_AGENT
