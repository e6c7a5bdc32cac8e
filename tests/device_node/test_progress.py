"""Output in pieces: whatever it is, it arrives whole, in order and in small frames."""

import asyncio
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from device_node.link import Link, LinkDown
from device_node.progress import LEFT_OUT, MAX_WAITING_CHARS, Pieces
from device_node.supervisor import Supervisor
from protocol.methods.node_reports import MAX_CHUNK_CHARS, NodeInvokeProgress, NodeReportTaken


class Line:
    """The part of a connection that output needs, with the other side's answers."""

    def __init__(self) -> None:
        self.sent: list[NodeInvokeProgress] = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = False
        self.ignored: bool | None = None

    async def call(self, call: NodeInvokeProgress) -> NodeReportTaken:
        await self.open.wait()
        if self.down:
            raise LinkDown("gone")
        self.sent.append(call)
        return NodeReportTaken(ok=True, ignored=self.ignored)

    @property
    def text(self) -> str:
        return "".join(call.chunk for call in self.sent)


def pieces_over(line: Line) -> Pieces:
    return Pieces("i", "n", cast("Link", cast("Any", line)), Supervisor())


@given(st.lists(st.text(max_size=200).map(lambda text: text * 100), max_size=5))
def test_everything_arrives_in_small_numbered_pieces(texts: list[str]) -> None:
    async def run() -> Line:
        line = Line()
        pieces = pieces_over(line)
        for text in texts:
            pieces.add(text)
            await asyncio.sleep(0)
        await pieces.drain()
        return line

    line = asyncio.run(run())
    assert line.text == "".join(texts)
    assert [call.seq for call in line.sent] == list(range(len(line.sent)))
    assert all(0 < len(call.chunk.encode()) <= MAX_CHUNK_CHARS for call in line.sent)


async def test_a_slow_line_costs_no_more_memory_than_the_bound() -> None:
    line = Line()
    line.open.clear()
    pieces = pieces_over(line)
    for _ in range(100):
        pieces.add("x" * 10_000)
    line.open.set()
    await pieces.drain()
    assert len(line.text) <= MAX_WAITING_CHARS + len(LEFT_OUT)
    assert line.text.endswith(LEFT_OUT)
    assert line.text.count(LEFT_OUT) == 1


async def test_nothing_more_is_sent_when_nobody_listens() -> None:
    for change in ({"down": True}, {"ignored": True}):
        line = Line()
        for name, value in change.items():
            setattr(line, name, value)
        pieces = pieces_over(line)
        pieces.add("one")
        await pieces.drain()
        sent = len(line.sent)
        pieces.add("two")
        await pieces.drain()
        assert len(line.sent) == sent
