"""An encrypted backup: a header, then pieces that each prove themselves, their order and the end.

    "homarus-backup-1" | log2 n | salt 16 | nonce prefix 7 | pieces of 64 KiB + 16

The key is scrypt of the passphrase. Each piece is ChaCha20-Poly1305 under a nonce of prefix, count and
whether it is the last one, with the header as associated data: nothing can be changed, swapped, repeated or
cut off unnoticed. Source: the STREAM construction (https://eprint.iacr.org/2015/189); RFC 8439; RFC 7914.
"""

import hashlib
import secrets
import struct
import unicodedata
from typing import IO, Final

from gateway.backup.archive import BackupDamaged, Source

MAGIC: Final = b"homarus-backup-1"
PIECE_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
SALT_BYTES: Final = 16
PREFIX_BYTES: Final = 7
KEY_BYTES: Final = 32

LOG2_N: Final = 17
"""128 MiB and a third of a second per guess, once per backup. Source: OWASP password storage, scrypt."""

MAX_LOG2_N: Final = 20
"""A gigabyte: a header that asks for more is an attack on the reader's memory."""

SCRYPT_R: Final = 8

HEADER: Final = struct.Struct(f">{len(MAGIC)}sB{SALT_BYTES}s{PREFIX_BYTES}s")


class WrongPassphrase(BackupDamaged):
    """The first piece does not open."""


def is_sealed(beginning: bytes) -> bool:
    """Whether a file that begins so is encrypted."""
    return beginning.startswith(MAGIC)


class SealedWriter:
    """Encrypts what is written; `finish` writes the last piece."""

    def __init__(self, target: IO[bytes], passphrase: str, log2_n: int = LOG2_N) -> None:
        salt, prefix = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(PREFIX_BYTES)
        self._header = HEADER.pack(MAGIC, log2_n, salt, prefix)
        self._pieces = _Pieces(_key(passphrase, salt, log2_n), prefix, self._header)
        self._target = target
        self._waiting = bytearray()
        target.write(self._header)

    def write(self, data: bytes) -> None:
        """Add plain bytes."""
        self._waiting += data
        # One piece is held back: only `finish` knows which is the last.
        while len(self._waiting) > PIECE_BYTES:
            piece = bytes(self._waiting[:PIECE_BYTES])
            del self._waiting[:PIECE_BYTES]
            self._target.write(self._pieces.seal(piece, last=False))

    def finish(self) -> None:
        """Write what is left, marked as the end."""
        self._target.write(self._pieces.seal(bytes(self._waiting), last=True))
        self._waiting.clear()


class SealedReader:
    """Decrypts a sealed file; a `Source`."""

    def __init__(self, source: Source, passphrase: str) -> None:
        """Read the header.

        Raises:
            BackupDamaged: when it is none.
        """
        header = _exactly(source, HEADER.size)
        if len(header) < HEADER.size or not is_sealed(header):
            raise BackupDamaged("this is no encrypted backup")
        _, log2_n, salt, prefix = HEADER.unpack(header)
        if not 1 <= log2_n <= MAX_LOG2_N:
            raise BackupDamaged("its header is damaged")
        self._pieces = _Pieces(_key(passphrase, salt, log2_n), prefix, header)
        self._source = source
        self._next = _exactly(source, PIECE_BYTES + TAG_BYTES)
        self._plain = bytearray()
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """Plain bytes.

        Raises:
            WrongPassphrase: when not even the first piece opens.
            BackupDamaged: when a later one does not.
        """
        while not self._ended and (size < 0 or len(self._plain) < size):
            self._open_piece()
        count = len(self._plain) if size < 0 else size
        data = bytes(self._plain[:count])
        del self._plain[:count]
        return data

    def _open_piece(self) -> None:
        piece, self._next = self._next, _exactly(self._source, PIECE_BYTES + TAG_BYTES)
        self._ended = not self._next
        self._plain += self._pieces.open(piece, last=self._ended)


class _Pieces:
    """Seals or opens pieces in their order."""

    def __init__(self, key: bytes, prefix: bytes, header: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._cipher = ChaCha20Poly1305(key)
        self._prefix = prefix
        self._header = header
        self._count = 0

    def seal(self, piece: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), piece, self._header)

    def open(self, piece: bytes, *, last: bool) -> bytes:
        from cryptography.exceptions import InvalidTag

        first = self._count == 0
        try:
            return self._cipher.decrypt(self._nonce(last=last), piece, self._header)
        except (InvalidTag, ValueError) as error:
            if first:
                raise WrongPassphrase("the passphrase is wrong, or the beginning is damaged") from error
            raise BackupDamaged("the encrypted backup is damaged or cut off") from error

    def _nonce(self, *, last: bool) -> bytes:
        nonce = self._prefix + struct.pack(">IB", self._count, last)
        self._count += 1
        return nonce


def _key(passphrase: str, salt: bytes, log2_n: int) -> bytes:
    n = 1 << log2_n
    return hashlib.scrypt(
        # The same word typed on two systems may come in two spellings of its accents.
        unicodedata.normalize("NFC", passphrase).encode(),
        salt=salt,
        n=n,
        r=SCRYPT_R,
        p=1,
        maxmem=2 * 128 * n * SCRYPT_R,
        dklen=KEY_BYTES,
    )


def _exactly(source: Source, size: int) -> bytes:
    """`size` bytes, or fewer at the end: a pipe may give less than asked for."""
    data = bytearray()
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return bytes(data)
