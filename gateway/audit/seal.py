"""What reveals a chain that was cut: its end is noted in another file and sealed with a key."""

import hashlib
import hmac
from typing import Final

from gateway.audit.store import Note
from gateway.kernel.audit.chain import Head

KEY_FILE: Final = "audit.key"
"""In `keys/`."""


class Seal:
    """Tells our notes from those of somebody who can write the database but does not have the key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def of(self, head: Head) -> str:
        """64 hexadecimal digits."""
        return hmac.new(self._key, f"{head.seq}:{head.hash}".encode(), hashlib.sha256).hexdigest()

    def holds(self, note: Note) -> bool:
        """Whether we made this note."""
        return hmac.compare_digest(self.of(note.head), note.seal)
