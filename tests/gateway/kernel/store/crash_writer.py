"""Run by a test: a nursery that forks writers on request, so that fifty of them cost one interpreter start.

For each line on stdin it forks a writer, prints `pid N`, and once that writer has died prints `dead`. A
writer inserts pairs of rows from several tasks until killed, and prints each id after its `write` returned.
"""

import asyncio
import os
import sys
from pathlib import Path

from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.migrate import Migration

PAIRS = Migration(
    "pairs",
    1,
    "pairs",
    "CREATE TABLE a (id TEXT PRIMARY KEY, body BLOB); CREATE TABLE b (id TEXT PRIMARY KEY);",
)
WRITERS = 8
BODY = b"x" * 500


def say(text: str) -> None:
    """One line, in one system call: what was said survives the kill, and lines never mix."""
    os.write(1, f"{text}\n".encode())


async def write_until_killed(path: Path, generation: int) -> None:
    """Insert and acknowledge for ever."""
    db = await Database.open(path, [PAIRS])

    async def one(writer: int) -> None:
        number = 0
        while True:
            number += 1
            row = f"{generation}.{writer}.{number}"

            def unit(tx: Tx, row: str = row) -> None:
                tx.execute("INSERT INTO a VALUES (?, ?)", (row, BODY))
                tx.execute("INSERT INTO b VALUES (?)", (row,))

            await db.write(unit)
            say(row)

    await asyncio.gather(*(one(writer) for writer in range(WRITERS)))


def main(path: Path) -> None:
    """Serve requests until stdin ends."""
    for generation, _request in enumerate(sys.stdin):
        pid = os.fork()
        if pid == 0:
            asyncio.run(write_until_killed(path, generation))
            os._exit(1)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("dead")


main(Path(sys.argv[1]))
