"""The configuration file, read without a gateway."""

from collections.abc import Iterator

import msgspec

from gateway.cli.doctor.finding import Finding, error, ok
from gateway.kernel.home import Home


class FileState(msgspec.Struct, frozen=True):
    """What the file says, and its faults as path and message."""

    values: dict[str, object]
    """Settings by section, of the sections without faults."""
    faults: list[tuple[str, str]]


def read(home: Home) -> FileState:
    """Check the file with the same rules as the gateway.

    Raises:
        ImportError: when a package that some feature's settings need is missing.
    """
    from gateway.app import SETTINGS
    from gateway.kernel.config.check import Checker
    from gateway.kernel.config.document import ConfigSyntaxError, parse
    from gateway.kernel.config.files import read_text
    from gateway.kernel.secret import SecretResolver

    try:
        tree = parse(read_text(home.config_path) or "")
    except ConfigSyntaxError as problem:
        return FileState({}, [("", f"{home.config_path.name} {problem}")])
    values, issues = Checker(SETTINGS, SecretResolver(home.root)).check(tree)
    return FileState(dict(values), [(issue.path, issue.message) for issue in issues])


def faults_of_file(home: Home) -> list[tuple[str, str]]:
    """Path and message of every fault."""
    return read(home).faults


def findings(home: Home, state: FileState) -> Iterator[Finding]:
    """A finding per fault."""
    if not home.config_path.exists():
        yield ok("config", f"no {home.config_path.name}, so everything is at its default")
        return
    for path, message in state.faults:
        text = f"{path}: {message}" if path else message
        yield error("config", text, f"edit {home.config_path}")
    if not state.faults:
        yield ok("config", f"{home.config_path} has no faults")
