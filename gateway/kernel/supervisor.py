"""Every task of the gateway is started here, so that each one has a name, an owner and a logged end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, ParamSpec, TypeVar

from gateway.kernel.retry import Backoff

T = TypeVar("T")

P = ParamSpec("P")

STOP_STEP_S: Final = 10.0
"""What one step of an orderly stop may take; service managers kill after 30 to 90 s."""

logger = logging.getLogger(__name__)


class StopSteps(AsyncExitStack):
    """The steps of an orderly stop, last one first.

    A coroutine step that fails or takes longer than `STOP_STEP_S` is logged and does not keep the others from
    their turn.
    """

    def push_async_callback(
        self, callback: Callable[P, Awaitable[T]], /, *args: P.args, **kwds: P.kwargs
    ) -> Callable[P, Awaitable[T]]:
        """Add a step."""

        async def step() -> None:
            try:
                async with asyncio.timeout(STOP_STEP_S):
                    await callback(*args, **kwds)
            except Exception:  # the supervisor is one of the two places that log exceptions
                logger.exception(
                    "%s did not end as it should", getattr(callback, "__qualname__", repr(callback))
                )

        super().push_async_callback(step)
        return callback


class Supervisor:
    """Starts tasks, logs their failures, restarts the ones that must keep running, and ends them all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` once. Its failure is logged and stops nothing else."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(
        self, name: str, factory: Callable[[], Coroutine[Any, Any, None]], backoff: Backoff | None = None
    ) -> asyncio.Task[None]:
        """Run `factory()` again whenever it fails, with growing pauses; a normal return ends it."""
        return self.spawn(name, self._keep(name, factory, backoff or Backoff()))

    def every(
        self, name: str, interval_s: float, job: Callable[[], Awaitable[None] | None]
    ) -> asyncio.Task[None]:
        """Call `job` every `interval_s` seconds, first after one interval; a failing call ends nothing."""
        return self.spawn(name, self._every(name, interval_s, job))

    async def close(self, deadline_s: float) -> None:
        """Cancel every task and wait at most `deadline_s` for them to end."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + deadline_s
        # More than one round: a task that ends may start another to tidy up behind it.
        while tasks := self._tasks - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            _, late = await asyncio.wait(tasks, timeout=max(0.0, ends_s - loop.time()))
            if late:
                for task in late:
                    logger.error("task %s ignored its cancellation", task.get_name())
                return

    @property
    def running(self) -> int:
        """How many tasks are alive."""
        return len(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None:
            logger.error("task %s failed", task.get_name(), exc_info=failure)

    async def _keep(
        self, name: str, factory: Callable[[], Coroutine[Any, Any, None]], backoff: Backoff
    ) -> None:
        while True:
            try:
                await factory()
            except Exception:  # the supervisor is one of the two places that log exceptions
                delay_s = backoff.next_s()
                logger.exception("%s failed; starting it again in %.1f s", name, delay_s)
                await asyncio.sleep(delay_s)
            else:
                return

    async def _every(self, name: str, interval_s: float, job: Callable[[], Awaitable[None] | None]) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                pending = job()
                if pending is not None:
                    await pending
            except Exception:  # one failed round must not end a periodic job
                logger.exception("periodic job %s failed", name)
