"""The Chrome DevTools Protocol over a pipe, which unlike a port nobody else on the machine can reach.

Source: https://chromedevtools.github.io/devtools-protocol/ (1.3), `--remote-debugging-pipe`: JSON messages
that end with NUL.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""A picture of a large screen in base64 takes some ten of them."""

CALL_TIMEOUT_S: Final = 20.0
"""No question asked here takes a living browser longer; a script of a caller has its own bound."""

Params = dict[str, Any]
Heard = Callable[[str, Params, str | None], None]
"""Method, parameters and session of an event."""

logger = logging.getLogger(__name__)


class CdpError(Exception):
    """The browser refused, or is gone."""


class Cdp:
    """One connection to a browser. `run` reads it; everything else may be called meanwhile."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[Params]] = {}
        self.ended = False

    async def run(self) -> None:
        """Read until the browser ends."""
        try:
            while True:
                self._take(await self._reader.readuntil(b"\0"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            logger.debug("the browser's pipe ended: %s", error)
        finally:
            self.end()

    def end(self) -> None:
        """Everything that is still asked fails."""
        self.ended = True
        self._writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(CdpError("the browser has ended"))

    def tell(self, method: str, params: Params | None = None, session: str | None = None) -> int:
        """Send a command whose answer nobody waits for; returns its id."""
        self._next_id += 1
        message: Params = {"id": self._next_id, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        if not self.ended:
            self._writer.write(msgspec.json.encode(message) + b"\0")
        return self._next_id

    async def call(
        self,
        method: str,
        params: Params | None = None,
        session: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Params:
        """Send a command and wait for its result.

        Raises:
            CdpError: the browser refused, ended, or did not answer in time.
        """
        if self.ended:
            raise CdpError("the browser has ended")
        answer: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        call_id = self.tell(method, params, session)
        self._waiting[call_id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise CdpError(f"{method} was not answered within {timeout_s:g} s") from error
        finally:
            del self._waiting[call_id]

    def _take(self, data: bytes) -> None:
        message: Params = msgspec.json.decode(data[:-1])
        if "id" not in message:
            self._heard(message["method"], message.get("params", {}), message.get("sessionId"))
            return
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(CdpError(str(message["error"].get("message", "refused"))))
        else:
            answer.set_result(message.get("result", {}))
