"""What is appended again after a kill is there once, and what was acknowledged is there."""

import subprocess
import sys
from pathlib import Path

from gateway.transcripts.text import decode_message
from tests.gateway.transcripts.conftest import Book

KILLS = 5
ACKNOWLEDGED = 15


def appended_before_kill(path: Path, number: int) -> int:
    """Kill an appender -9 right after it acknowledged `number`; the last number it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.transcripts.appender", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as writer:
        assert writer.stdout is not None
        last = -1
        for line in writer.stdout:
            last = int(line)
            if last == number:
                writer.kill()
        return last


async def test_kills_neither_lose_nor_repeat_a_message(book: Book) -> None:
    """DC-4, DC-6: an outbox that starts over after each kill -9 leaves every message once, in order."""
    acknowledged = -1
    for kill in range(1, KILLS + 1):
        acknowledged = max(acknowledged, appended_before_kill(book.path, kill * ACKNOWLEDGED))
    transcripts = await book.open()
    page = await transcripts.history("s", limit=1000)
    stored = [decode_message(message)["content"] for message in page.messages]
    assert stored == [f"{n}" for n in range(page.total)]
    assert page.total > acknowledged >= KILLS * ACKNOWLEDGED
