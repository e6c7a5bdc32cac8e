"""The local command line's way into the running node: one JSON line asks, one JSON line answers.

The socket lies in a folder only the node's owner can enter; whoever can open it is the owner.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from device_node.failure import NodeError, Unreachable
from device_node.files import PRIVATE_FILE
from device_node.status import NodeStatus, Posture

MAX_LINE_BYTES: Final = 64 * 1024
"""Of a question."""

PATIENCE_S: Final = 5.0
"""For one question or one answer; both are short and local."""

MAX_ADDRESS_BYTES: Final = 100
"""`sun_path` has 108 bytes on Linux and 104 on macOS, the final NUL included."""

logger = logging.getLogger(__name__)


class Question(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the command line wants."""

    ask: Literal["status", "reload", "posture"]
    posture: Posture | None = None


class Reply(msgspec.Struct, kw_only=True):
    """The node as it is afterwards, or why that could not be done."""

    status: NodeStatus | None = None
    error: str | None = None
    next_step: str | None = None


Answerer = Callable[[Question], Awaitable[NodeStatus]]


@asynccontextmanager
async def listening(path: Path, answer: Answerer) -> AsyncGenerator[None]:
    """Answer questions at `path` while the block runs; a socket left by a dead node is replaced.

    Raises:
        NodeError: when the socket cannot be made.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await reader.readline()
                writer.write(msgspec.json.encode(await _reply(line, answer)) + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError) as error:
            logger.info("a question at %s was not answered: %s", path, error)
        finally:
            writer.close()

    _remove(path)
    try:
        with short_socket_path(path) as address:
            server = await asyncio.start_unix_server(serve, address, limit=MAX_LINE_BYTES)
        _make_private(path)
    except OSError as error:
        raise NodeError(
            f"{path} cannot be made: {error.strerror or error}", "choose another --home"
        ) from error
    try:
        yield
    finally:
        server.close()
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _make_private(path: Path) -> None:
    path.chmod(PRIVATE_FILE)


async def _reply(line: bytes, answer: Answerer) -> Reply:
    try:
        return Reply(status=await answer(msgspec.json.decode(line, type=Question)))
    except msgspec.MsgspecError as error:
        return Reply(error=f"not a question: {error}", next_step="update the older side")
    except NodeError as error:
        return Reply(error=error.what, next_step=error.next_step)


def ask(path: Path, question: Question) -> NodeStatus:
    """Ask the node that runs with `path`.

    Raises:
        Unreachable: when none does.
        NodeError: when it says no.
    """
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(PATIENCE_S)
        try:
            with short_socket_path(path) as address:
                stream.connect(address)
            stream.sendall(msgspec.json.encode(question) + b"\n")
            with stream.makefile("rb") as lines:
                line = lines.readline()
        except OSError:
            raise Unreachable(
                f"no node runs with {path.parent.parent}", "start it with `homarus node run`"
            ) from None
    try:
        reply = msgspec.json.decode(line, type=Reply)
    except msgspec.MsgspecError as error:
        raise Unreachable("the node gave no answer", "restart it with `homarus node run`") from error
    if reply.status is None:
        raise NodeError(reply.error or "the node says no", reply.next_step or "look at its log")
    return reply.status


@contextmanager
def short_socket_path(path: Path) -> Generator[str]:
    """An address for `bind` or `connect` that fits, valid inside the block.

    A long one goes through an open descriptor of its folder, which Linux offers under `/proc`; elsewhere the
    long path is used as it is and the system refuses it with `OSError`.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
