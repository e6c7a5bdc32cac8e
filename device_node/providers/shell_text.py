"""Shell commands that are plain enough to say what they run.

OpenClaw's gateway wraps each command of an agent as `/bin/sh -lc TEXT`. For the allow-list the programs in
the text count, not the shell, and the text has to be such that no shell could read it differently: plain
words, joined by `&&`, `||`, `;` and `|`. What expands, redirects, groups or assigns is not plain; then a
person decides.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

import msgspec

SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})

_INLINE_FLAG: Final = re.compile(r"-[a-z]*c")
"""`-c`, `-lc`, `-ec`, ...: the next argument is a text to run."""

_TOKEN: Final = re.compile(
    r"""[ \t]+
    | (?P<joint> && | \|\| | ; | \| )
    | (?P<word> (?: [A-Za-z0-9_./:,@%+=-]+ | '[^'\0-\x1f]*' | "[^"$`\\!\0-\x1f]*" )+ )""",
    re.VERBOSE,
)
"""What a plain text is made of. Outside quotes there is no `$`, backtick, glob, tilde, brace, redirection,
escape, comment or second line; inside double quotes nothing that a shell would still look at.
"""

_QUOTED: Final = re.compile(r"""'([^']*)'|"([^"]*)\"""")


class Segment(msgspec.Struct, frozen=True):
    """One command of a text: its words, and what joins it to the one before (empty for the first)."""

    joint: str
    words: tuple[str, ...]


def inline_text(argv: Sequence[str]) -> str | None:
    """The text that `argv` gives to a shell; None when it is no shell or gets something else."""
    if len(argv) != 3 or PurePath(argv[0]).name not in SHELLS or not _INLINE_FLAG.fullmatch(argv[1]):
        return None
    return argv[2]


def segments(text: str) -> list[Segment] | None:
    """The commands of a plain text in their order; None when it is not plain."""
    found: list[Segment] = []
    joint, words, at = "", list[str](), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        if token["word"] is not None:
            words.append(_QUOTED.sub(r"\1\2", token["word"]))
        elif token["joint"] is not None:
            if not words:
                return None
            found.append(Segment(joint, tuple(words)))
            joint, words = token["joint"], []
    if not words:
        return None
    found.append(Segment(joint, tuple(words)))
    return found if all(_is_plain(segment.words) for segment in found) else None


def joined(joint: str, words: Sequence[str]) -> str:
    """One command as a text in which nothing is left to interpret, with what joins it to the one before."""
    return f"{joint} {shlex.join(words)}".lstrip()


def _is_plain(words: Sequence[str]) -> bool:
    """`NAME=value` in front is an assignment, and zsh replaces `=name` by a path."""
    return "=" not in words[0] and not any(word.startswith("=") for word in words)
