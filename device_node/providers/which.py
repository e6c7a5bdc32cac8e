"""`system.which`."""

import asyncio

from device_node.commands import Invocation, performs
from device_node.providers.programs import find_programs
from protocol.commands.system import Found, SystemWhich


class WhichProvider:
    """Looks for programs where `system.run` would find them."""

    def __init__(self, path: str) -> None:
        self._path = path

    @performs(SystemWhich)
    async def which(self, _: Invocation, call: SystemWhich) -> Found:
        """Paths of the programs that are there."""
        return Found(bins=await asyncio.to_thread(find_programs, call.bins, self._path))
