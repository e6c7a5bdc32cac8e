"""`homarus config`: settings."""

import argparse
import sys

import msgspec

from gateway.cli.arguments import Parser, Subcommands, add_home, add_json, add_reach
from gateway.cli.client import Client, connect
from gateway.cli.failure import CommandFailed, NotRunning
from gateway.cli.output import green, one_line, print_json, red
from gateway.cli.reach import Reach
from gateway.kernel.config.tree import lookup
from gateway.kernel.home import Home
from protocol.errors import JsonValue
from protocol.methods.config import ConfigGet, ConfigPatch, ConfigSnapshot


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    get = add_reach(commands.add("get", _get, "what the gateway runs with; secrets are not shown"))
    get.add_argument("path", nargs="?", help="only this setting, such as gateway.port")
    get.add_argument("--file", action="store_true", help="what the file sets, without defaults")
    change = add_reach(commands.add("set", _set, "change one setting; comments in the file stay"))
    change.add_argument("path", help="such as logging.level")
    change.add_argument(
        "value", help="JSON, or text; null returns to the default; - reads it from standard input"
    )
    add_reach(commands.add("check", _check, "name every fault of the file"))
    path = commands.add("path", _path, "where the file is")
    add_home(path)
    add_json(path)


def _get(options: argparse.Namespace) -> int:
    with connect(options) as client:
        answer = client.ask(ConfigGet())
    snapshot = answer.value
    tree = snapshot.parsed if options.file else snapshot.runtime_config
    if options.path is None:
        print_json(answer.raw if options.json else tree)
        return 0
    value = _lookup(tree, options.path)
    if isinstance(value, str) and not options.json:
        print(one_line(value, 10_000))
    else:
        print_json(value)
    return 0


def _lookup(tree: dict[str, object], path: str) -> object:
    value = lookup(tree, tuple(path.split(".")))
    if value is None:
        raise CommandFailed(f"{one_line(path)} is not set", "look at `homarus config get`")
    return value


def _set(options: argparse.Namespace) -> int:
    with connect(options) as client:
        snapshot = client.ask(ConfigGet()).value
        answer = client.ask(
            ConfigPatch(
                raw=msgspec.json.encode(_nested(options.path, _value(options.value))).decode(),
                base_hash=snapshot.hash if snapshot.exists else None,
                # The person names the whole value, so an array among it is meant to lose entries.
                replace_paths=(options.path,),
            )
        )
    written = answer.value
    if options.json:
        print_json(answer.raw)
    elif not written.changed_paths:
        print(f"{one_line(options.path)} had that value already")
    elif written.restart_required:
        print(f"set; in force after a restart: {', '.join(written.restart_required)}")
    else:
        print("set, and in force")
    return 0


def _value(text: str) -> JsonValue:
    """JSON where it is JSON, so that `8080` is a number; else the text itself."""
    if text == "-":
        return sys.stdin.read().rstrip("\n")
    try:
        value: JsonValue = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value


def _nested(path: str, value: JsonValue) -> JsonValue:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def _check(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    try:
        with Client.connect(reach) as client:
            snapshot: ConfigSnapshot = client.ask(ConfigGet()).value
        faults = [(fault.path, fault.message) for fault in snapshot.issues]
        waiting = snapshot.pending_restart
    except NotRunning:
        if reach.address is not None:
            raise
        from gateway.cli.doctor.config import faults_of_file

        faults, waiting = faults_of_file(reach.home), []
    if options.json:
        issues = [{"path": path, "message": message} for path, message in faults]
        print_json({"valid": not faults, "issues": issues, "pendingRestart": waiting})
    else:
        _show_faults(faults, waiting)
    return 1 if faults else 0


def _show_faults(faults: list[tuple[str, str]], waiting: list[str]) -> None:
    for path, message in faults:
        print(f"{red('fault')}  {one_line(path) + ': ' if path else ''}{one_line(message, 300)}")
    if not faults:
        print(green("no faults"))
    if waiting:
        print(f"in force after a restart: {', '.join(waiting)}")


def _path(options: argparse.Namespace) -> int:
    path = Home.locate(options.home).config_path
    if options.json:
        print_json({"path": str(path), "exists": path.exists()})
    else:
        print(path)
    return 0
