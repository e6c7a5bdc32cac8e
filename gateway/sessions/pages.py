"""Encoded pages of the index, kept until the index changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

MAX_CACHED_BYTES: Final = 8 * 1024 * 1024
"""A handful of full pages: what the clients of one household ask for again and again."""


class PageCache:
    """Remembers answers, so that each version of the index is scanned once per question.

    Whoever asks while the answer is being made waits for that one. Without room, the oldest answers go.
    """

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._version = -1
        self._bytes = 0
        self._pages: OrderedDict[bytes, bytes] = OrderedDict()
        self._making: dict[tuple[int, bytes], asyncio.Future[bytes | None]] = {}

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def stored_bytes(self) -> int:
        """Size of all answers kept."""
        return self._bytes

    def clear(self) -> None:
        """Forget every answer: something outside the index that they show has changed."""
        self._pages.clear()
        self._bytes = 0
        # Answers still being made were asked before the change; whoever asks from now on must not get them.
        self._making.clear()

    async def get(
        self, version: int, question: bytes, make: Callable[[], Awaitable[tuple[int, bytes]]]
    ) -> bytes:
        """The answer as of `version` or later; `make` returns the version it saw and the answer."""
        self._advance(version)
        while True:
            known = self._pages.get(question)
            if known is not None:
                self._pages.move_to_end(question)
                return known
            making = self._making.get((version, question))
            if making is None:
                return await self._made(version, question, make)
            answer = await asyncio.shield(making)
            if answer is not None:
                return answer

    async def _made(
        self, version: int, question: bytes, make: Callable[[], Awaitable[tuple[int, bytes]]]
    ) -> bytes:
        making: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._making[version, question] = making
        made: bytes | None = None
        try:
            seen, answer = await make()
            made = answer
        finally:
            # Without an answer, whoever waited asks again: the failure or cancellation was this caller's own.
            making.set_result(made)
            current = self._making.get((version, question)) is making
            if current:
                del self._making[version, question]
        if current:
            self._advance(seen)
            self._keep(seen, question, answer)
        return answer

    def _advance(self, version: int) -> None:
        if version > self._version:
            self._version = version
            self._pages.clear()
            self._bytes = 0

    def _keep(self, version: int, question: bytes, answer: bytes) -> None:
        if version != self._version or len(answer) > self._max_bytes:
            return
        self._bytes += len(answer) - len(self._pages.get(question, b""))
        self._pages[question] = answer
        self._pages.move_to_end(question)
        while self._bytes > self._max_bytes:
            _, oldest = self._pages.popitem(last=False)
            self._bytes -= len(oldest)
