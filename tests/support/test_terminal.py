"""The terminal shows what a person would see."""

import sys
from pathlib import Path

import pytest

from tests.support.terminal import COLUMNS, ENTER, ROWS, Terminal

PROGRAM = r"""
import os, sys
print(os.get_terminal_size(), sys.stdin.isatty(), os.environ["TERM"])
name = input("name? ")
sys.stdout.write("one two\r\x1b[4Cfour\x1b[0m\x1b[1A\x1b[2K\x1b[1B\n")
print("hello", name)
"""


async def test_typed_text_and_cursor_moves_end_up_on_the_screen(tmp_path: Path) -> None:
    async with Terminal([sys.executable, "-c", PROGRAM], {"PYTHONUTF8": "1"}, tmp_path) as terminal:
        await terminal.shows(f"os.terminal_size(columns={COLUMNS}, lines={ROWS}) True xterm-256color")
        await terminal.type("öt", ENTER)
        screen = await terminal.shows("hello öt")
        assert "one four" in screen
        assert "name?" not in screen, "that line was erased"
        assert await terminal.ended() == 0


async def test_what_never_appears_is_reported_with_the_screen(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; print('here'); time.sleep(60)"]
    async with Terminal(sleeper, {}, tmp_path) as terminal:
        await terminal.shows("here")
        with pytest.raises(AssertionError, match=r"no 'there' on the screen after 0.2 s:\nhere"):
            await terminal.shows("there", timeout_s=0.2)
