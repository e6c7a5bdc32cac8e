"""Nothing of an encrypted backup can be read, changed, swapped or cut off without its passphrase."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backup import sealed
from gateway.backup.archive import BackupDamaged
from gateway.backup.sealed import HEADER, PIECE_BYTES, TAG_BYTES, SealedReader, SealedWriter, WrongPassphrase

PASSPHRASE = "correct horse battery staple"
CHEAP = 2
"""log2 of scrypt's cost: these tests are about everything else."""

STORED = PIECE_BYTES + TAG_BYTES


def seal(data: bytes, chunk: int = 1 << 20) -> bytes:
    """`data` encrypted, written in chunks."""
    target = io.BytesIO()
    writer = SealedWriter(target, PASSPHRASE, CHEAP)
    for start in range(0, len(data), chunk):
        writer.write(data[start : start + chunk])
    writer.finish()
    return target.getvalue()


def opened(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    """Everything in a sealed text."""
    return SealedReader(io.BytesIO(data), passphrase).read()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_every_length_comes_back(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    assert opened(seal(data, 1000)) == data


@given(st.binary(max_size=300), st.lists(st.integers(min_value=1, max_value=50), max_size=20))
def test_reads_of_any_size_give_the_same_bytes(data: bytes, sizes: list[int]) -> None:
    reader = SealedReader(io.BytesIO(seal(data)), PASSPHRASE)
    assert b"".join([*(reader.read(size) for size in sizes), reader.read()]) == data


def test_the_plain_text_is_not_in_it() -> None:
    assert b"gateway.token" not in seal(b"gateway.token" * 1000)


def test_two_backups_of_the_same_differ() -> None:
    assert seal(b"same") != seal(b"same")


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(WrongPassphrase):
        opened(seal(b"data"), "wrong")


def test_accents_are_the_same_however_they_are_typed() -> None:
    target = io.BytesIO()
    writer = SealedWriter(target, "caf\u00e9", CHEAP)
    writer.finish()
    assert opened(target.getvalue(), "cafe\u0301") == b""


def test_every_flipped_bit_is_noticed() -> None:
    data = seal(bytes(PIECE_BYTES + 100))
    for place in (0, 16, 20, 40, HEADER.size, HEADER.size + STORED - 1, HEADER.size + STORED, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(BackupDamaged):
            opened(bytes(changed))


def test_pieces_cannot_be_dropped_swapped_or_appended() -> None:
    data = seal(bytes(2 * PIECE_BYTES) + b"end")
    head, body = data[: HEADER.size], data[HEADER.size :]
    first, second, last = body[:STORED], body[STORED : 2 * STORED], body[2 * STORED :]
    for pieces in (
        (first, second),
        (first, last),
        (second, first, last),
        (first, first, second, last),
        (first,),
        (),
    ):
        with pytest.raises(BackupDamaged):
            opened(head + b"".join(pieces))
    with pytest.raises(BackupDamaged):
        opened(data + b"x")


def test_a_header_cannot_ask_for_a_lot_of_memory() -> None:
    data = bytearray(seal(b""))
    data[len(sealed.MAGIC)] = 40
    with pytest.raises(BackupDamaged, match="header"):
        opened(bytes(data))


def test_other_files_are_told_apart() -> None:
    assert sealed.is_sealed(seal(b"x"))
    assert not sealed.is_sealed(b"homarus.toml")
    with pytest.raises(BackupDamaged, match="no encrypted backup"):
        opened(b"short")
