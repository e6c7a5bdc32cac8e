"""What backup commands do with files: take one away, check one, put one in the place of a home."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from gateway.backup import archive
from gateway.backup.archive import BackupDamaged, Manifest, Source
from gateway.backup.sealed import SealedReader, SealedWriter, WrongPassphrase, is_sealed
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import one_line
from gateway.kernel.config.gateway import TOKEN_FILE
from gateway.kernel.home import Home
from gateway.kernel.store.files import PRIVATE_DIR, move_into_place, private_file, sync_dir

CHUNK_BYTES: Final = 1024 * 1024

HEAD_BYTES: Final = 64
"""Enough to tell an encrypted backup from a plain one."""


class Restored(msgspec.Struct, frozen=True, rename="camel"):
    """What a restore did."""

    files: int
    created_at_ms: int
    replaced: str | None
    """Where the former home is kept; `None` when there was none."""
    kept_token: bool
    """Whether the shared token of the former home stays in force."""


def deliver(made: Path, target: Path, passphrase: str | None) -> Path:
    """Move a finished backup to `target` (0600), encrypting it on the way when there is a passphrase.

    Raises:
        CommandFailed: when the target cannot be written; the plain backup then stays where it is.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        private_file(partial)
        with made.open("rb") as source, partial.open("wb") as sink:
            if passphrase is None:
                shutil.copyfileobj(source, sink, CHUNK_BYTES)
            else:
                _seal(source, sink, passphrase)
        move_into_place(partial, target)
        made.unlink()
    except OSError as error:
        raise CommandFailed(
            f"{target} cannot be written: {error.strerror or error}; the backup is at {made}",
            "move it by hand",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def check(path: Path, passphrase: Callable[[], str]) -> Manifest:
    """Read a backup from first to last byte.

    Raises:
        CommandFailed: when it cannot be read, is incomplete or damaged.
    """
    with _opened(path, passphrase) as source:
        return archive.read(source)


def restore(path: Path, home: Home, passphrase: Callable[[], str]) -> Restored:
    """Put a backup in the place of a home. Nothing there is touched before every byte was checked.

    The former home is renamed, not deleted. Tokens revoked since the backup stay revoked, and a shared token
    changed since then is not changed back.

    Raises:
        CommandFailed: when the gateway runs, or the backup is damaged; then nothing was changed.
    """
    staging = home.root.with_name(f".{home.root.name}.restoring-{os.getpid()}")
    if home.root.is_mount():
        raise Misused(
            f"{home.root} is a mount point", "restore to another --home and move its contents there"
        )
    with _stopped(home), _opened(path, passphrase) as source:
        try:
            home.root.parent.mkdir(parents=True, exist_ok=True)
            staging.mkdir(mode=PRIVATE_DIR)
            manifest = archive.read(source, staging)
            kept_token = _carry_over(home, Home(staging))
            Home(staging).prepare()
            os.sync()  # once for all files, before the first of the two renames
            replaced = _swap(staging, home.root)
        except OSError as error:
            raise CommandFailed(
                f"the backup cannot be restored: {error.strerror or error}", "nothing was changed"
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(
        len(manifest.files), manifest.created_at_ms, str(replaced) if replaced else None, kept_token
    )


def _carry_over(former: Home, restored: Home) -> bool:
    """What was taken back since the backup stays taken back; whether the former shared token was kept."""
    from gateway.devices.tombstones import FILE_NAME

    revoked = former.keys_dir / FILE_NAME
    if revoked.exists():
        target = restored.keys_dir / FILE_NAME
        private_file(target)
        ids = dict.fromkeys([*target.read_text("ascii").split(), *revoked.read_text("ascii").split()])
        target.write_text("".join(f"{token_id}\n" for token_id in ids), encoding="ascii")
    token, old_token = former.root / TOKEN_FILE, restored.root / TOKEN_FILE
    if not token.exists() or (old_token.exists() and token.read_bytes() == old_token.read_bytes()):
        return False
    private_file(old_token)
    old_token.write_bytes(token.read_bytes())
    return True


def _swap(staging: Path, root: Path) -> Path | None:
    """Two renames on one disk: whatever happens, either home is whole."""
    replaced: Path | None = None
    if root.exists():
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        replaced = root.with_name(f"{root.name}.replaced-{stamp}")
        root.rename(replaced)
    try:
        staging.rename(root)
    except OSError:
        if replaced is not None:
            replaced.rename(root)
        raise
    sync_dir(root.parent)
    return replaced


@contextmanager
def _stopped(home: Home) -> Generator[None]:
    """Hold the home's lock, so that no gateway starts meanwhile.

    Raises:
        CommandFailed: when one runs.
    """
    if not home.root.exists():
        yield
        return
    descriptor = os.open(home.root / "gateway.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandFailed(
                f"a gateway runs with {home.root}", "stop it first: homarus gateway stop"
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _opened(path: Path, passphrase: Callable[[], str]) -> Generator[Source]:
    """A backup's plain bytes, whether it is encrypted or not."""
    try:
        with path.open("rb") as file:
            sealed = is_sealed(file.read(HEAD_BYTES))
            file.seek(0)
            yield SealedReader(file, passphrase()) if sealed else file
    except BackupDamaged as damaged:
        raise CommandFailed(f"{path.name}: {one_line(damaged.message)}", _advice(damaged)) from damaged
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror or error}", "check its name") from error


def _advice(damaged: BackupDamaged) -> str:
    return "try again" if isinstance(damaged, WrongPassphrase) else "use another backup"


def _seal(source: IO[bytes], sink: IO[bytes], passphrase: str) -> None:
    writer = SealedWriter(sink, passphrase)
    while chunk := source.read(CHUNK_BYTES):
        writer.write(chunk)
    writer.finish()
