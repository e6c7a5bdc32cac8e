"""The ledger over RPC."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.tasks.service import TaskLedger
from protocol.methods.tasks import TaskCancelled, TaskFound, TasksCancel, TasksGet, TasksList, TasksPage


class TasksApi:
    """Lists, reads and cancels background work."""

    def __init__(self, ledger: TaskLedger) -> None:
        self._ledger = ledger

    @handles(TasksList)
    async def list_tasks(self, _ctx: Ctx, call: TasksList) -> TasksPage:
        """One page."""
        return await self._ledger.page(call)

    @handles(TasksGet)
    async def get(self, _ctx: Ctx, call: TasksGet) -> TaskFound:
        """One task."""
        return TaskFound(task=self._ledger.wire(await self._ledger.get(call.task_id)))

    @handles(TasksCancel)
    async def cancel(self, _ctx: Ctx, call: TasksCancel) -> TaskCancelled:
        """Stop a task."""
        task, cancelled = await self._ledger.cancel(call.task_id)
        if task is None:
            return TaskCancelled(found=False, cancelled=False, reason="there is no such task")
        reason = call.reason if cancelled else f"it is {task.status} already"
        return TaskCancelled(found=True, cancelled=cancelled, reason=reason, task=self._ledger.wire(task))
