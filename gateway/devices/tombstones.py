"""Tokens that must never count again, remembered outside the database.

A restored backup holds the tokens that were valid when it was made, those revoked since included. The ids of
revoked tokens therefore also go into a file in `keys/`, which a restore leaves alone, and at every start
they are revoked again. Source: attack case 21 of the security checklist (a revoked token that came back).
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gateway.kernel.store.files import PRIVATE_FILE, private_file
from protocol.errors import Unavailable

FILE_NAME: Final = "revoked-tokens"
"""In `keys/`: one token id per line, oldest first."""

MAX_KEPT: Final = 20_000
"""Ids kept, about 700 KB; older ones could only return with a backup that is years old."""


class Tombstones:
    """The file of revoked token ids."""

    def __init__(self, keys_dir: Path) -> None:
        self._path = keys_dir / FILE_NAME
        self._appending = asyncio.Lock()

    async def load(self) -> frozenset[str]:
        """Every id, after cutting the file to its bound.

        Raises:
            Unavailable: when the file cannot be read.
        """
        return await asyncio.to_thread(self._load)

    async def add(self, token_ids: Iterable[str]) -> None:
        """Remember ids; they are on the disk when this returns.

        Raises:
            Unavailable: when the disk refuses.
        """
        lines = "".join(f"{token_id}\n" for token_id in token_ids)
        if lines:
            async with self._appending:
                await asyncio.to_thread(self._append, lines)

    def _load(self) -> frozenset[str]:
        try:
            private_file(self._path)
            ids = self._path.read_text(encoding="ascii").split()
            if len(ids) > MAX_KEPT:
                ids = ids[-MAX_KEPT:]
                self._path.write_text("".join(f"{token_id}\n" for token_id in ids), encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{self._path} cannot be read: {error}") from error
        return frozenset(ids)

    def _append(self, lines: str) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            with os.fdopen(handle, "a", encoding="ascii") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error.strerror}") from error
