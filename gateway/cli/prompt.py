"""A line from a person, while the connection stays alive and other people's messages appear."""

import select
import socket
import sys
import threading

from gateway.cli.conversation import Conversation, answer_text
from gateway.cli.failure import CommandFailed
from gateway.cli.output import dim, escaped
from protocol.events.chat import ChatEvent
from protocol.peer import Happened

PROMPT = "> "

_BACK = "\r\x1b[K"
"""To the start of the line, and clear it."""


class Prompt:
    """Reads lines with the editing and history of `readline`, where the system has it.

    `input` blocks; meanwhile a thread owns the connection: it answers pings and shows what arrives. Only one
    of the two uses the connection at any time.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        try:
            import readline
        except ImportError:
            # A Python without it; lines are then edited as the terminal does.
            self._typed = str
        else:
            self._typed = readline.get_line_buffer

    def read(self) -> str | None:
        """The next line; `None` at the end of input. Ctrl-C empties the line."""
        while True:
            stop, stopped = socket.socketpair()
            thread = threading.Thread(target=self._listen, args=(stopped,), daemon=True)
            thread.start()
            try:
                return input(PROMPT)
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                print()
            finally:
                stop.send(b".")
                thread.join()
                stop.close()
                stopped.close()

    def _listen(self, stopped: socket.socket) -> None:
        client = self._conversation.client
        while not select.select([stopped], [], [], 0)[0]:
            try:
                item = client.happened() or client.next(None, stopped.fileno())
            except CommandFailed:
                # The next message finds out, and connects anew.
                return
            if isinstance(item, Happened) and isinstance(item.payload, ChatEvent):
                self._show(item.payload)

    def _show(self, event: ChatEvent) -> None:
        """An answer nobody here asked for: from another device, or a job."""
        text = answer_text(event)
        if event.state != "final" or event.session_key != self._conversation.session_key or not text:
            return
        sys.stdout.write(f"{_BACK}{dim('meanwhile:')} {escaped(text)}\n{PROMPT}{self._typed()}")
        sys.stdout.flush()
