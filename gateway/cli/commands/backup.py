"""`homarus backup`: save everything, check it, bring it back."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from gateway.cli.arguments import Parser, Subcommands, add_home, add_json, add_reach
from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import one_line, print_json, size_text
from gateway.cli.reach import Reach
from gateway.kernel.home import Home
from protocol.methods.backup import BackupCreate, BackupMade

PASSPHRASE_VARIABLE: Final = "HOMARUS_BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable

MIN_PASSPHRASE_CHARS: Final = 8
"""Each guess costs a third of a second, but a backup can be guessed at for years."""

PATIENCE_S: Final = 24 * 3600.0
"""A backup takes as long as its disk; a gateway that died is noticed by its silence."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    create = add_reach(commands.add("create", _create, "save everything while the gateway runs"))
    create.add_argument("file", nargs="?", type=Path, help="a file or folder (homarus-TIME.tar here)")
    create.add_argument(
        "--encrypt", action="store_true", help=f"with a passphrase (or {PASSPHRASE_VARIABLE})"
    )
    verify = commands.add("verify", _verify, "check a backup from first to last byte")
    verify.add_argument("file", type=Path)
    add_json(verify)
    restore = commands.add("restore", _restore, "bring a backup back; the gateway must be stopped")
    restore.add_argument("file", type=Path)
    restore.add_argument("--yes", action="store_true", help="do not ask before replacing what is there")
    add_home(restore)
    add_json(restore)


def _create(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    if reach.address is not None and (options.file or options.encrypt):
        raise Misused(
            "a backup stays on the gateway's machine", "run this there to name a file or encrypt it"
        )
    passphrase = _new_passphrase() if options.encrypt else None
    with Client.connect(reach) as client:
        made = client.ask(BackupCreate(), PATIENCE_S).value
    if reach.address is None:
        from gateway.cli.backup_files import deliver

        made.path = str(
            deliver(Path(made.path), _target(options.file, made, encrypted=options.encrypt), passphrase)
        )
        made.size = Path(made.path).stat().st_size
    if options.json:
        print_json(made)
        return 0
    print(f"saved {made.files} files, {size_text(made.size)}, in {made.path}")
    if not options.encrypt:
        print("it holds the gateway's keys: keep it as safe as the home, or use --encrypt")
    for name in made.skipped:
        print(f"left out, because it is no plain file: {one_line(name)}")
    return 0


def _target(wanted: Path | None, made: BackupMade, *, encrypted: bool) -> Path:
    """Where the backup goes.

    Raises:
        CommandFailed: when there is something already.
    """
    name = Path(made.path).name + (".sealed" if encrypted else "")
    target = (wanted or Path.cwd()).expanduser().absolute()
    if target.is_dir():
        target /= name
    if target.exists():
        raise CommandFailed(
            f"{target} exists; the backup is at {made.path}", "name another file, or move that one"
        )
    return target


def _verify(options: argparse.Namespace) -> int:
    from gateway.cli.backup_files import check

    manifest = check(options.file, _passphrase)
    if options.json:
        print_json({"complete": True, "release": manifest.release, "createdAtMs": manifest.created_at_ms,
                    "files": len(manifest.files), "size": manifest.size})  # fmt: skip
    else:
        print(f"complete and undamaged: {len(manifest.files)} files, {size_text(manifest.size)}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from gateway.cli.backup_files import restore

    home = Home.locate(options.home)
    if not options.yes and home.root.exists() and any(home.root.iterdir()):
        _confirm(home)
    restored = restore(options.file, home, _passphrase)
    if options.json:
        print_json(restored)
        return 0
    print(f"restored {restored.files} files to {home.root}")
    if restored.replaced is not None:
        print(f"what was there before is kept in {restored.replaced}")
    if restored.kept_token:
        print("the shared token was changed since the backup; the present one stays in force")
    print("next: homarus gateway run")
    return 0


def _confirm(home: Home) -> None:
    if not sys.stdin.isatty():
        raise Misused(f"this replaces {home.root}", "say --yes if you mean it; what is there is kept aside")
    answer = input(f"Replace {home.root}? What is there is kept aside. [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise CommandFailed("nothing was restored", "run it again and answer y")


def _new_passphrase() -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is None:
        given = _typed("Passphrase for this backup: ")
        if given != _typed("The same again: "):
            raise Misused("the two differ", "run it again")
    if len(given) < MIN_PASSPHRASE_CHARS:
        raise Misused(f"a passphrase has at least {MIN_PASSPHRASE_CHARS} characters", "choose a longer one")
    return given


def _passphrase() -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    return given if given is not None else _typed("Passphrase of this backup: ")


def _typed(prompt: str) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise Misused("a passphrase is needed", f"set {PASSPHRASE_VARIABLE}")
    return getpass.getpass(prompt)
