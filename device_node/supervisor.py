"""Every task of the node is started here, so that each one has a name, an owner and a logged end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Supervisor:
    """Starts tasks, logs their failures and ends them all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run `work` once. Its failure is logged and stops nothing else."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

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

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None:
            logger.error("task %s failed", task.get_name(), exc_info=failure)
