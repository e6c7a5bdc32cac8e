"""Reading the end of the log for a client."""

import asyncio
from pathlib import Path

from gateway.kernel.log import redactor
from gateway.kernel.log_file import read_tail
from protocol.errors import Unavailable
from protocol.methods.diagnostics import LogsTail, LogsTailResult


async def tail(path: Path, call: LogsTail) -> LogsTailResult:
    """The last lines, or those after the cursor; secrets that became known later are masked here.

    Raises:
        Unavailable: when the log cannot be read.
    """
    try:
        part = await asyncio.to_thread(read_tail, path, call.cursor, call.max_bytes)
    except OSError as error:
        raise Unavailable(f"the log cannot be read: {error.strerror}") from error
    lines = part.data.decode("utf-8", "replace").splitlines()
    kept = lines[-call.limit :]
    skipped = part.start - call.cursor if call.cursor is not None and part.start > call.cursor else None
    return LogsTailResult(
        file=str(path),
        cursor=part.end,
        size=part.end,
        lines=[redactor.clean(line) for line in kept],
        truncated=part.cut or len(kept) < len(lines),
        reset=part.lost or skipped is not None,
        skipped_bytes=skipped,
    )
