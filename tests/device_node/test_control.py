"""The socket of the local command line: owner only, whatever is written to it."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from device_node.control import Question, ask, listening, short_socket_path
from device_node.failure import Misused, NodeError, Unreachable
from device_node.status import NodeStatus

STATUS = NodeStatus(device_id="d", display_name="n", profile="laptop", pid=1)


async def answer(question: Question) -> NodeStatus:
    if question.ask == "posture":
        raise Misused("this node is no phone", "use another")
    return STATUS


async def test_a_question_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    async with listening(path, answer):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asyncio.to_thread(ask, path, Question(ask="status")) == STATUS
        with pytest.raises(NodeError, match="this node is no phone; use another"):
            await asyncio.to_thread(ask, path, Question(ask="posture", posture="asleep"))
    assert not path.exists()
    with pytest.raises(Unreachable, match="homarus node run"):
        ask(path, Question(ask="status"))


async def test_a_socket_left_by_a_dead_node_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(Unreachable):
        ask(path, Question(ask="status"))
    async with listening(path, answer):
        assert await asyncio.to_thread(ask, path, Question(ask="status")) == STATUS


@pytest.mark.parametrize(
    "line",
    [b"\n", b"nonsense\n", b'{"ask":"explode"}\n', b'{"ask":"status","more":1}\n', b"\xff\n", b"[" * 9000],
)
async def test_nonsense_is_answered_and_harms_nobody(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "node.sock"
    async with listening(path, answer):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(line)
        writer.write_eof()
        assert b'"error":"not a question' in await reader.read()
        writer.close()
        assert await asyncio.to_thread(ask, path, Question(ask="status")) == STATUS


async def test_an_endless_question_is_left(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    async with listening(path, answer):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * 200_000)
        assert await reader.read() == b""
        writer.close()
        assert await asyncio.to_thread(ask, path, Question(ask="status")) == STATUS


def test_a_deep_folder_has_a_short_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with short_socket_path(deep / "node.sock") as address, socket.socket(socket.AF_UNIX) as stream:
        assert len(os.fsencode(address)) < 100
        stream.bind(address)
    assert (deep / "node.sock").exists()
