"""SQL about the databases themselves."""

from gateway.kernel.store.db import Tx
from protocol.methods.backup import AppliedMigration


def newest_migrations(tx: Tx) -> list[AppliedMigration]:
    """The last applied migration of each feature."""
    rows = tx.execute(
        "SELECT feature, number, name, applied_ms FROM schema_migrations AS newest WHERE number = "
        "(SELECT max(number) FROM schema_migrations WHERE feature = newest.feature) ORDER BY feature"
    )
    return [
        AppliedMigration(feature=feature, number=number, name=name, applied_at_ms=applied_ms)
        for feature, number, name, applied_ms in rows
    ]
