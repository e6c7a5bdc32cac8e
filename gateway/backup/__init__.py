"""Backups of the whole home while the gateway runs."""

from typing import Final, get_args

from gateway.backup.api import BackupApi
from gateway.backup.service import Backups
from gateway.kernel.feature import DatabaseName, Feature, House
from gateway.kernel.store.db import Database


async def setup(house: House) -> None:
    """Serve the methods; what an interrupted backup left behind is removed once the gateway is up."""
    backups = house.offer(Backups(house.home, _databases(house), house.clock))
    house.rpc.add(BackupApi(backups))
    house.after_start(backups.clean)


def _databases(house: House) -> dict[DatabaseName, Database]:
    databases: dict[DatabaseName, Database] = {}
    names: tuple[DatabaseName, ...] = get_args(DatabaseName)
    for name in names:
        try:
            databases[name] = house.database(name)
        except KeyError:
            continue  # no feature that is switched on keeps anything in it
    return databases


FEATURE: Final = Feature("backup", setup=setup, core=False)
