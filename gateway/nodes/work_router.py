"""Gives work that names no node to the best one, now or when one is there."""

import msgspec

from gateway.kernel.supervisor import Supervisor
from gateway.nodes import work_store as store
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.foreground import WAITS
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.work_book import Desk, WorkBook
from gateway.nodes.work_model import Route, WorkRow
from protocol.methods.node_route import NodeRouted


class WorkRouter:
    """Looks at what has no node whenever that, or a node, changed."""

    def __init__(
        self, book: WorkBook, chooser: NodeChooser, registry: NodeRegistry, tasks: Supervisor
    ) -> None:
        self._book = book
        self._chooser = chooser
        self._tasks = tasks
        self._running = False
        self._again = False
        book.watch(self._on_change)
        registry.when_arrived(lambda _: self.look())
        registry.when_changed(lambda _: self.look())

    def look(self) -> None:
        """Choose for what has no node, unless there is nothing."""
        if None not in self._book.busy:
            return
        self._again = True
        if not self._running:
            self._running = True
            self._tasks.keep("route work", self._rounds)

    def _on_change(self, row: WorkRow) -> None:
        if row.free and row.node_id is None:
            self.look()

    async def _rounds(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._round()
        except BaseException:
            self._again = True  # the supervisor begins anew
            raise
        self._running = False

    async def _round(self) -> None:
        rows = await self._book.read(lambda tx: store.open_of(tx, None))
        if not rows and not self._again:
            self._book.busy.discard(None)
        choices: dict[tuple[str, Route], NodeRouted] = {}
        for row in rows:
            route = row.route or Route()
            choice = choices.get((row.command, route))
            if choice is None:
                choice = choices[row.command, route] = await self._chooser.for_command(
                    row.command, prefer=route.prefer, fallback=route.fallback, without=route.tried
                )
            await self._settle(row, route, choice)

    async def _settle(self, row: WorkRow, route: Route, choice: NodeRouted) -> None:
        decided = row.assigned(choice.node_id, None if choice.able == "now" else choice.reason)
        if choice.able != "now" and route.tried:
            # Every node that is there has its app in the background: it waits at the last one.
            decided = msgspec.structs.replace(row.assigned(route.tried[-1], WAITS), parked=True)
        if decided == row:
            return

        def unit(desk: Desk) -> None:
            now = store.find(desk.tx, row.id)
            if now is not None and now.free and now.node_id is None:
                desk.save(decided)

        await self._book.change(unit)
