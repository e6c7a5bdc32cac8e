"""Does what the gateway asks for: each piece of work once, some at a time, and no result lost."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from device_node.commands import CommandFailed, CommandTable, Invocation
from device_node.failure import NodeError
from device_node.ledger import Ledger, Outcome, Work
from device_node.link import Link
from device_node.progress import Pieces
from device_node.reports import Reports
from device_node.supervisor import Supervisor
from protocol.events.nodes import NodeInvokeRequest

P = ParamSpec("P")
T = TypeVar("T")

MAX_RUNNING: Final = 32
"""Commands at once. A gateway sends at most 64; a laptop does not get faster from more than this."""

DEFAULT_TIMEOUT_MS: Final = 30_000
"""Of a request without one. Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md."""

WORK_TIMEOUT_MS: Final = 600_000
"""Of work nobody waits for."""

REPEATABLE: Final = frozenset(
    {
        "camera.clip", "camera.list", "camera.snap", "canvas.snapshot", "device.health", "device.info",
        "device.permissions", "device.status", "fs.listDir", "location.get", "screen.record",
        "screen.snapshot", "system.execApprovals.get", "system.run.prepare", "system.which",
    }
)  # fmt: skip
"""Commands that only look. Doing one twice harms nobody, so they cost no write to the disk."""

CANCELLED: Final = Outcome(error_code="CANCELLED", error_message="it was called off")


def not_ready(why: str) -> Outcome:
    """Nothing was begun; gateways ask again for a while, and give work that can wait once more later."""
    return Outcome(error_code="NODE_NOT_READY", error_message=why)


Gate = Callable[[str], CommandFailed | None]
"""Why a command cannot be done in the present state of the device; None when it can."""

logger = logging.getLogger(__name__)


class _Running:
    """One piece of work under way."""

    def __init__(self, work: Work, *, durable: bool) -> None:
        self.durable = durable
        """Whether the ledger has it, or is to have it."""
        self.match_key = work.match_key
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self.performing = False
        self.called_off = False


class Workshop:
    """The one place where commands of the gateway are performed."""

    def __init__(
        self,
        *,
        node_id: str,
        ledger: Ledger,
        table: Callable[[], CommandTable],
        gate: Gate,
        tasks: Supervisor,
    ) -> None:
        self._node_id = node_id
        self._ledger = ledger
        self._table = table
        self._gate = gate
        self._tasks = tasks
        self._running: dict[str, _Running] = {}
        self._disk = ThreadPoolExecutor(1, "ledger")
        self._link: Link | None = None
        self._gateway = ""
        self._working_off = False
        self.reports = Reports(node_id)
        self.done = 0
        """Commands done so far; failed ones do not count."""

    @property
    def running(self) -> int:
        """Commands under way."""
        return len(self._running)

    def begin(self, link: Link, gateway: str) -> None:
        """A connection is up."""
        self._link, self._gateway = link, gateway

    def end(self) -> None:
        """The connection is gone; what runs goes on."""
        self._link = None

    def close(self) -> None:
        """Let the last write to the ledger end."""
        self._disk.shutdown()

    async def reap(self, at_ms: int) -> int:
        """Forget old work; how many pieces."""
        return await self._on_disk(self._ledger.reap, at_ms)

    def requested(self, request: NodeInvokeRequest) -> None:
        """Do what a `node.invoke.request` asks for, unless that is being done already."""
        if request.id in self._running:
            return
        work = Work(
            id=request.id,
            gateway=self._gateway,
            command=request.command,
            params=(request.params_json or "{}").encode("utf-8", "surrogatepass"),
            idempotency_key=request.idempotency_key,
            session_key=request.session_key,
        )
        timeout_ms = DEFAULT_TIMEOUT_MS if request.timeout_ms is None else request.timeout_ms
        if len(self._running) >= MAX_RUNNING:
            busy = not_ready(f"the node does {MAX_RUNNING} things already; try again")
            self._tasks.spawn(f"refuse {work.command}", self._report(work.id, busy, durable=False))
            return
        running = self._running[work.id] = _Running(work, durable=work.command not in REPEATABLE)
        running.task = self._tasks.spawn(work.command, self._do(work, running, timeout_ms or None))

    def cancelled(self, work_id: str) -> None:
        """Stop what a `node.invoke.cancel` names."""
        running = self._running.get(work_id)
        if running is None:
            self._tasks.spawn("call off kept work", self._call_off(work_id))
            return
        running.called_off = True
        if running.performing and running.task is not None:
            running.task.cancel()

    async def keep(self, work: Work) -> bool:
        """Write work down that `work_off` will do, on the disk; false when it was there before."""
        return await self._on_disk(self._ledger.receive, work, now_ms())

    async def work_off(self) -> None:
        """Do what was kept, one after the other; one round at a time."""
        if self._working_off:
            return
        self._working_off = True
        try:
            tried: set[str] = set()
            while work := await self._next_kept(tried):
                tried.add(work.id)
                running = self._running[work.id] = _Running(work, durable=True)
                running.task = asyncio.current_task()
                await self._do(work, running, WORK_TIMEOUT_MS)
        finally:
            self._working_off = False

    async def _next_kept(self, tried: set[str]) -> Work | None:
        waiting = await self._on_disk(self._ledger.waiting, self._gateway)
        return next((work for work in waiting if work.id not in tried and work.id not in self._running), None)

    async def report_again(self, link: Link) -> None:
        """Report what was finished and not heard yet."""
        await self.reports.send_kept(link)
        for work_id, outcome in await self._on_disk(lambda: list(self._ledger.unreported(self._gateway))):
            await self._report(work_id, outcome, durable=True)

    async def answer_again(self, work_id: str) -> None:
        """Report work once more that the gateway hands out although it was done."""
        outcome = await self._on_disk(self._ledger.outcome, work_id)
        if outcome is not None:
            await self._report(work_id, outcome, durable=True)

    async def _call_off(self, work_id: str) -> None:
        """End work that was kept and not begun."""
        if await self._on_disk(self._ledger.call_off, work_id, CANCELLED):
            await self._report(work_id, CANCELLED, durable=True)

    async def _do(self, work: Work, running: _Running, timeout_ms: int | None) -> None:
        try:
            outcome = await self._outcome(work, running, timeout_ms)
            running.outcome.set_result(outcome)
        finally:
            self._running.pop(work.id, None)
            running.outcome.cancel()
        await self._report(work.id, outcome, durable=running.durable)

    async def _outcome(self, work: Work, running: _Running, timeout_ms: int | None) -> Outcome:
        refusal = self._gate(work.command)
        if refusal is not None:
            # Nothing happened, so the same work may come again when the device is in another state.
            if running.durable:
                running.durable = False
                await self._on_disk(self._ledger.give_back, work.id)
            return Outcome(error_code=refusal.code, error_message=refusal.message)
        if not running.durable:
            return await self._perform(work, running, timeout_ms)
        same = self._same(work, running)
        if same is not None:
            running.durable = False
            return await asyncio.shield(same.outcome)
        return await self._once(work, running, timeout_ms)

    async def _once(self, work: Work, running: _Running, timeout_ms: int | None) -> Outcome:
        """Do it unless the ledger knows that it was done."""
        try:
            known = await self._on_disk(self._ledger.start, work, now_ms())
        except NodeError as error:
            running.durable = False
            return not_ready(str(error))
        if known is not None:
            logger.info("%s was done before; answering again", work.command)
            # Under another id it was: then this answer has no place in the ledger.
            running.durable = await self._on_disk(self._ledger.outcome, work.id) is not None
            return known
        outcome = await self._perform(work, running, timeout_ms)
        try:
            await self._on_disk(self._ledger.finish, work.id, outcome)
        except NodeError as error:
            logger.warning("%s", error)  # the outcome is known all the same, and reported now
        return outcome

    def _same(self, work: Work, running: _Running) -> _Running | None:
        """The same work under another id, being done now."""
        if work.match_key is None:
            return None
        return next(
            (
                other
                for other in self._running.values()
                if other is not running and other.match_key == running.match_key
            ),
            None,
        )

    async def _perform(self, work: Work, running: _Running, timeout_ms: int | None) -> Outcome:
        if running.called_off:
            return CANCELLED
        pieces = Pieces(work.id, self._node_id, self._link, self._tasks)
        invocation = Invocation(
            id=work.id,
            command=work.command,
            params=work.params,
            timeout_ms=timeout_ms,
            idempotency_key=work.idempotency_key,
            session_key=work.session_key,
            progress=pieces.add,
        )
        running.performing = True
        try:
            async with asyncio.timeout(timeout_ms / 1000 if timeout_ms is not None else None):
                payload = await self._table().perform(invocation)
            await pieces.drain()
            self.done += 1
            return Outcome(payload=payload)
        except CommandFailed as failed:
            return Outcome(error_code=failed.code, error_message=failed.message)
        except TimeoutError:
            return Outcome(error_code="TIMEOUT", error_message=f"{work.command} took too long on the node")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not running.called_off or task is None:
                raise
            task.uncancel()
            return CANCELLED
        finally:
            running.performing = False

    async def _report(self, work_id: str, outcome: Outcome, *, durable: bool) -> None:
        taken = await self.reports.send(self._link, work_id, outcome, keep=not durable)
        if taken and durable:
            try:
                await self._on_disk(self._ledger.reported, work_id)
            except NodeError as error:
                logger.warning("%s", error)  # it is reported again with the next connection

    async def _on_disk(self, write: Callable[P, T], *args: P.args, **kwds: P.kwargs) -> T:
        """Use the ledger beside the event loop; a commit waits for the disk.

        Raises:
            NodeError: when the disk does not play along.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._disk, lambda: write(*args, **kwds))
        except sqlite3.Error as error:
            raise NodeError(
                f"the node's ledger of work cannot be used: {error}", "check the space on its disk"
            ) from error


def now_ms() -> int:
    """Wall clock: the ledger outlives the process."""
    return int(time.time() * 1000)
