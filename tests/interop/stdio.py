"""JSON-RPC 2.0 over a program's stdin and stdout, a message per line: how ACP and MCP bridges are spoken to.

Source: JSON-RPC 2.0 specification; Agent Client Protocol and Model Context Protocol, "stdio transport".
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any, Self, cast

from tests.support.openclaw import OpenClawCli, end_group

Json = dict[str, Any]

# The bridge starts Node and pairs before it answers its first request.
ANSWER_TIMEOUT_S = 40.0
END_TIMEOUT_S = 5.0


class StdioPeer:
    """One `openclaw` bridge process and the conversation with it, while the context is open."""

    def __init__(self, cli: OpenClawCli, *args: str) -> None:
        """Prepare `openclaw ARGS` without starting it."""
        self._cli = cli
        self._args = args
        self._ids = itertools.count(1)
        self._answers: dict[int, Json] = {}
        self._arrived = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self.notifications: list[Json] = []
        """Every message from the bridge that is no answer, oldest first."""
        self.stderr = ""

    async def __aenter__(self) -> Self:
        """Start the bridge."""
        self._process = await self._cli.spawn(*self._args)
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_stderr())]
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the bridge as an editor does, by closing its stdin."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):  # killed below
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        end_group(process.pid)
        await process.wait()
        # Not awaited to their end: a helper process of the bridge may hold the pipes open.
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        # Any: asyncio has no public way to close the pipes of a program that has ended.
        cast("Any", process)._transport.close()

    async def request(self, method: str, params: Json) -> Json:
        """Ask and return the result.

        Raises:
            AssertionError: The bridge answered with an error, or not in time.
        """
        answer = await self.answer(await self.send(method, params))
        assert "result" in answer, f"{method}: {answer.get('error')}\n{self.stderr}"
        return answer["result"]

    async def send(self, method: str, params: Json) -> int:
        """Ask without waiting; returns the id to give to `answer`."""
        request_id = next(self._ids)
        await self._write({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id

    async def answer(self, request_id: int) -> Json:
        """The whole answer to a request that was sent."""
        await self._wait(lambda: request_id in self._answers, f"answer to request {request_id}")
        return self._answers[request_id]

    async def notify(self, method: str, params: Json) -> None:
        """Send a notification."""
        await self._write({"jsonrpc": "2.0", "method": method, "params": params})

    async def until(self, holds: Callable[[list[Json]], bool], what: str) -> None:
        """Wait until the notifications so far satisfy `holds`."""
        await self._wait(lambda: holds(self.notifications), what)

    async def _wait(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), self._arrived:
                await self._arrived.wait_for(holds)
        except TimeoutError:
            seen = json.dumps(self.notifications[-5:])[-2000:]
            raise AssertionError(f"no {what}; last messages {seen}\n{self.stderr}") from None

    async def _write(self, message: Json) -> None:
        stdin = self._running().stdin
        assert stdin is not None
        stdin.write(json.dumps(message).encode() + b"\n")
        await stdin.drain()

    async def _read(self) -> None:
        stdout = self._running().stdout
        assert stdout is not None
        async for line in stdout:
            message: Json = json.loads(line)  # a line that is no JSON would break every real editor too
            async with self._arrived:
                if "method" in message:
                    self.notifications.append(message)
                else:
                    self._answers[message["id"]] = message
                self._arrived.notify_all()

    async def _read_stderr(self) -> None:
        stderr = self._running().stderr
        assert stderr is not None
        async for line in stderr:
            self.stderr += line.decode(errors="replace")

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the bridge is not running"
        return self._process
