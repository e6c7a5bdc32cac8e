"""RPC of backups."""

from gateway.backup.service import Backups
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.methods.backup import BackupCreate, BackupMade, DatabasesStatus, DatabasesStatusResult


class BackupApi:
    """Answers `backup.create` and `databases.status`."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    @handles(BackupCreate)
    async def create(self, ctx: Ctx, call: BackupCreate) -> BackupMade:  # noqa: ARG002 - nothing to choose
        """Make a backup and say where it is."""
        return await self._backups.create()

    @handles(DatabasesStatus)
    async def databases(self, ctx: Ctx, call: DatabasesStatus) -> DatabasesStatusResult:  # noqa: ARG002
        """The migrations and sizes of every database."""
        return DatabasesStatusResult(databases=await self._backups.databases())
