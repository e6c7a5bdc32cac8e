"""One message, and its answer as it comes."""

import sys
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed, NotRunning
from gateway.cli.interrupt import Interrupts
from gateway.cli.link import Disconnected
from gateway.cli.output import escaped, one_line
from protocol.events.agent import AgentEvent
from protocol.events.chat import ChatEvent
from protocol.ids import new_id
from protocol.method import Event
from protocol.methods.agent import AgentWait
from protocol.methods.chat import ChatAbort, ChatSend
from protocol.peer import Answered, Happened

RECONNECT_S: Final = 30.0
"""How long to look for a gateway that went away while it answered; a restart takes a second or two."""

RETRY_S: Final = 0.5

How: TypeAlias = Literal["final", "aborted", "error"]


class Reply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a message was answered."""

    run_id: str
    session_key: str
    how: How
    text: str
    """The whole answer, as the gateway said it."""
    reason: str = ""
    """Why it is not `final`."""


class Printer:
    """Shows a text that grows."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.shown = ""

    def show(self, text: str) -> None:
        """Make `text` what stands there; only what is new is written."""
        if text == self.shown:
            return
        if text.startswith(self.shown):
            self._write(escaped(text[len(self.shown) :]))
        else:
            # The answer was begun anew, for example by a second model; a terminal cannot take words back.
            self._write("\n" + escaped(text))
        self.shown = text


class Conversation:
    """One session, over connections that may break."""

    def __init__(
        self,
        connect: Callable[[], Client],
        session_key: str,
        agent_id: str | None,
        note: Callable[[str], None],
    ) -> None:
        """Prepare to talk.

        Args:
            connect: Makes a connection; called again when one breaks.
            session_key: Which session.
            agent_id: Which agent, when the session's own is not meant.
            note: Shows a line about what happens meanwhile, such as a tool that runs.
        """
        self._connect = connect
        self._client = connect()
        self._session_key = session_key or main_session(self._client)
        self._agent_id = agent_id
        self._note = note

    @property
    def client(self) -> Client:
        """The connection in use."""
        return self._client

    @property
    def session_key(self) -> str:
        """Which session is spoken in."""
        return self._session_key

    def close(self) -> None:
        """Hang up."""
        self._client.link.close()

    def reconnect(self) -> None:
        """A fresh connection in place of the present one.

        Raises:
            CommandFailed: when that does not succeed in time.
        """
        self.close()
        deadline = time.monotonic() + RECONNECT_S
        while True:
            try:
                self._client = self._connect()
            except NotRunning:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)
            else:
                return

    def say(self, text: str, write: Callable[[str], None]) -> Reply:
        """Send a message and write its answer as it comes. Ctrl-C ends the run; a second one, the wait.

        Raises:
            CommandFailed: when the message was not accepted, or the gateway is gone for good.
            KeyboardInterrupt: on the second Ctrl-C.
        """
        call = ChatSend(
            session_key=self._session_key, message=text, idempotency_key=new_id(), agent_id=self._agent_id
        )
        printer = Printer(write)
        with Interrupts() as interrupts:
            while True:
                try:
                    return self._attempt(call, printer, interrupts)
                except (Disconnected, NotRunning):
                    if interrupts.count:
                        raise KeyboardInterrupt from None
                    # The key makes the repeat harmless: what was accepted is answered once.
                    self._note("connection lost, looking for the gateway")
                    self.reconnect()

    def _attempt(self, call: ChatSend, printer: Printer, interrupts: Interrupts) -> Reply:
        ack = self._client.ask(call).value
        if ack.status not in {"started", "in_flight"}:
            return self._outcome(call, printer)
        aborting = False
        while True:
            reply = self._next(call, printer, interrupts)
            if reply is not None:
                return reply
            if interrupts.count > 1:
                raise KeyboardInterrupt
            if interrupts.count == 1 and not aborting:
                aborting = True
                abort = ChatAbort(session_key=call.session_key, run_id=call.idempotency_key)
                self._client.send(abort.wire_name, msgspec.to_builtins(abort))

    def _next(self, call: ChatSend, printer: Printer, interrupts: Interrupts) -> Reply | None:
        """Take in one event; the reply when it was the last one."""
        item = self._client.happened() or self._client.next(None, interrupts.fileno())
        interrupts.drain()
        if isinstance(item, Answered) and item.error is not None:
            self._note(one_line(item.error.message))
        event: Event | None = item.payload if isinstance(item, Happened) else None
        if isinstance(event, AgentEvent) and event.run_id == call.idempotency_key:
            self._step(event)
        if not isinstance(event, ChatEvent) or event.run_id != call.idempotency_key:
            return None
        printer.show(answer_text(event) or printer.shown + (event.delta_text or ""))
        if event.state in {"status", "delta"}:
            return None
        return Reply(
            run_id=event.run_id,
            session_key=event.session_key,
            how="final" if event.state == "final" else "aborted" if event.state == "aborted" else "error",
            text=printer.shown,
            reason=event.error_message or event.stop_reason or "",
        )

    def _step(self, event: AgentEvent) -> None:
        if event.stream == "item" and event.data.get("phase") == "start":
            self._note(one_line(str(event.data.get("title") or event.data.get("name") or "a tool")))

    def _outcome(self, call: ChatSend, printer: Printer) -> Reply:
        """The end of a run that was over when the connection came back."""
        run = self._client.ask(AgentWait(run_id=call.idempotency_key, timeout_ms=0)).value
        if run.terminal_reply is not None and run.terminal_reply.text:
            printer.show(run.terminal_reply.text)
        return Reply(
            run_id=call.idempotency_key,
            session_key=call.session_key,
            how="final" if run.status == "ok" else "error",
            text=printer.shown,
            reason=run.error or run.stop_reason or "",
        )


def main_session(client: Client) -> str:
    """Where a person who names no session talks."""
    defaults = client.hello.snapshot.session_defaults
    return defaults.main_session_key if defaults is not None else "main"


def answer_text(event: ChatEvent) -> str:
    """The whole text an event carries; empty when it carries none."""
    return "".join(block.text for block in event.message.content) if event.message is not None else ""


def failure(reply: Reply) -> CommandFailed:
    """A reply that is none, as the end of a command."""
    if reply.how == "aborted":
        return CommandFailed(f"the answer was stopped ({one_line(reply.reason or 'no reason')})", "ask again")
    return CommandFailed(
        f"no answer: {one_line(reply.reason or 'no reason given', 300)}", "`homarus logs` has the details"
    )


def to_stdout(text: str) -> None:
    """Write at once: an answer that comes word by word is read word by word."""
    sys.stdout.write(text)
    sys.stdout.flush()
