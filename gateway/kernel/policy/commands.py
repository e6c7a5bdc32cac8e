"""Command lines: whether a pattern fits one, and how dangerous one looks. Pure."""

import re
import shlex
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish"})

TAKES_CONTROL: Final = frozenset(
    {"sudo", "doas", "su", "pkexec", "run0", "chroot", "nsenter", "shutdown", "reboot", "poweroff", "halt"}
    | {"mkfs", "fdisk", "parted", "wipefs", "shred", "dd", "passwd", "chpasswd", "usermod", "visudo"}
    | {"crontab", "insmod", "modprobe", "homarus", "openclaw"}
)
"""Programs that become somebody else, change who may do what, or can leave a machine that does not start."""

_SEPARATORS: Final = re.compile(r"[;&|\n(){}`]|\$\(")

MAX_SHELL_CHARS: Final = 65_536
"""Looked at of the text of a shell; a longer one counts as dangerous."""


def base_name(word: str) -> str:
    """A program's name without its folder."""
    return PurePosixPath(word).name


def shell_text(argv: tuple[str, ...]) -> str | None:
    """The text that `sh -c TEXT` and its like would run; None for other commands."""
    if not argv or base_name(argv[0]) not in SHELLS:
        return None
    for place, word in enumerate(argv[1:-1], start=1):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            return argv[place + 1]
    return None


def fits_exactly(pattern: str, argv: tuple[str, ...]) -> bool:
    """Whether every word fits its word of the pattern; a last `*` stands for any further words."""
    words = shlex.split(pattern)
    if words and words[-1] == "*" and len(words) > 1:
        words = words[:-1]
        if len(argv) < len(words):
            return False
        argv = argv[: len(words)]
    return len(words) == len(argv) and all(map(fnmatchcase, argv, words))


def fits_anywhere(pattern: str, argv: tuple[str, ...]) -> bool:
    """Like `fits_exactly`, also under any path, and for any command inside the text of a shell."""
    return any(
        fits_exactly(pattern, words) or fits_exactly(pattern, (base_name(words[0]), *words[1:]))
        for words in commands_in(argv)
    )


def commands_in(argv: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The command, and the ones its shell text would run as far as that can be seen without a shell."""
    if not argv:
        return []
    found = [argv]
    text = shell_text(argv)
    if text is not None:
        for part in _SEPARATORS.split(text[:MAX_SHELL_CHARS]):
            words = _words(part)
            if words:
                found.append(words)
    return found


def takes_control(argv: tuple[str, ...]) -> bool:
    """Whether it looks as if it could end the machine or take its control over."""
    text = shell_text(argv)
    if text is not None and len(text) > MAX_SHELL_CHARS:
        return True
    return any(_takes_control(words) for words in commands_in(argv))


def _takes_control(words: tuple[str, ...]) -> bool:
    program = base_name(words[0])
    if program in TAKES_CONTROL or program.startswith("mkfs."):
        return True
    if program == "rm":
        return any(word in {"/", "/*", "~", "~/", "--no-preserve-root"} for word in words[1:])
    return program in {"env", "nice", "nohup", "setsid", "timeout", "xargs", "exec"} and any(
        base_name(word) in TAKES_CONTROL for word in words[1:]
    )


def _words(part: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(part))
    except ValueError:  # half of a quoted text; its words are good enough to look at
        return tuple(part.split())
