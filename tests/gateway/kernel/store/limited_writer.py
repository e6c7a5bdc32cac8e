"""Run by a test in a process of its own: write under a limit on file size, lift the limit, write again."""

import asyncio
import resource
import sys
from pathlib import Path

from gateway.kernel.store.db import Database
from gateway.kernel.store.errors import StoreUnavailable
from tests.gateway.kernel.store.conftest import ITEMS, ids, insert

LARGE = b"x" * 100_000


def say(*words: object) -> None:
    """One line for the test to read."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


async def main(path: Path) -> None:
    """Say what became of eight concurrent large writes under the limit, and without it."""
    db = await Database.open(path, [ITEMS])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    outcome = await asyncio.gather(*(db.write(insert(n, LARGE)) for n in range(8)), return_exceptions=True)
    kinds = {type(result).__name__ for result in outcome if isinstance(result, StoreUnavailable)}
    say("refused", *kinds, f"x{len(outcome)}")
    say("kept", len(await db.read(ids)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await asyncio.gather(*(db.write(insert(n, LARGE)) for n in range(8)))
    say("recovered", len(await db.read(ids)))
    await db.close()


asyncio.run(main(Path(sys.argv[1])))
