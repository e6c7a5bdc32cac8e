"""Files below one folder, and nothing else, however a path is written.

A path is decoded once, by the server. What then is no plain name of a file or folder is refused before any
file is looked at, and no link is followed on the way. Source: attack cases 33 to 36.
"""

import contextlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Of a picture or a small film for a page."""

MAX_PARTS: Final = 16

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,126}[A-Za-z0-9_-]|[A-Za-z0-9_-]")
"""No dot, percent sign, separator, colon, control or non-ASCII character can begin or end anything here."""


class NoSuchFile(Exception):
    """There is none, or it is not for others."""


def parts_of(path: str) -> list[str]:
    """The names of a path; `index.html` for a folder.

    Raises:
        NoSuchFile: when it is not made of plain names.
    """
    parts = path.split("/")
    if parts[-1] == "":
        parts[-1] = "index.html"
    if len(parts) > MAX_PARTS or any(_NAME.fullmatch(part) is None or ".." in part for part in parts):
        raise NoSuchFile
    return parts


def read_below(root: Path, parts: Sequence[str]) -> bytes:
    """The content of a file; blocking.

    Raises:
        NoSuchFile: there is none, or something on the way is a link or no plain file.
    """
    with contextlib.ExitStack() as stack:
        try:
            place = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, place)
            for name in parts[:-1]:
                place = os.open(
                    name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place
                )
                stack.callback(os.close, place)
            # Not blocking: a pipe would wait for somebody who writes.
            file = os.open(
                parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place
            )
        except OSError as error:
            raise NoSuchFile from error
        with os.fdopen(file, "rb") as stream:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE_BYTES:
                raise NoSuchFile
            return stream.read(MAX_FILE_BYTES)
