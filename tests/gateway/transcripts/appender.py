"""Appends numbered messages forever and prints the number of each that is stored; killed by its test."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from gateway.kernel.clock import SystemClock
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.transcripts.model import NewEntry, TranscriptSettings
from gateway.transcripts.service import Transcripts


async def main(path: Path) -> None:
    """Start again from number 0, as an outbox does that was never told what arrived."""
    db = await Database.open(path, load_migrations("transcripts", "gateway.transcripts"))
    transcripts = Transcripts(db, SystemClock(), TranscriptSettings)
    for number in count():
        message = {"role": "user", "content": f"{number}"}
        await transcripts.append("s", [NewEntry(message=dict(message), idempotency_key=f"{number}")])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
