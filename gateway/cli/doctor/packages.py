"""What is installed, and what the missing extras would add."""

import importlib
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Final

import msgspec

from gateway.cli.doctor.finding import Finding, error, note, ok, warning

DISTRIBUTION: Final = "homarus"

EXTRAS: Final = {
    "llm": "agents that use a language model",
    "voice": "wake words and speech on a device with a microphone",
    "channels": "chat networks",
}
"""What a person gets with an extra."""

DEVELOPMENT: Final = "dev"
"""The extra of people who change Homarus; shown only where it is installed."""

NATIVE: Final = {"sounddevice": "sounddevice", "vosk": "vosk", "pvporcupine": "pvporcupine"}
"""Packages to modules whose installation alone says little: they need a library of the system."""


class Requirement(msgspec.Struct, frozen=True):
    """One line of our package's metadata."""

    name: str
    minimum: str
    """Lowest version; empty for any."""
    extra: str
    """Empty for what is always needed."""


def check() -> Iterator[Finding]:
    """One finding for the core, and one for each extra."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield error("packages", f"{DISTRIBUTION} is not installed", f"pip install {DISTRIBUTION}")
        return
    requirements = [_parsed(line) for line in lines]
    yield from _core([entry for entry in requirements if not entry.extra])
    for extra, gain in EXTRAS.items():
        of_extra = [entry for entry in requirements if entry.extra == extra]
        if of_extra:
            yield from _extra(extra, gain, of_extra)
    tools = [entry for entry in requirements if entry.extra == DEVELOPMENT]
    if tools and not any(_fault(entry) for entry in tools):
        yield from _extra(DEVELOPMENT, "everything to change and test Homarus", tools)


def _core(needed: list[Requirement]) -> Iterator[Finding]:
    bad = [text for entry in needed if (text := _fault(entry))]
    if bad:
        yield error("packages", "; ".join(bad), f"pip install --upgrade {DISTRIBUTION}")
    else:
        yield ok("packages", ", ".join(f"{entry.name} {_version(entry.name)}" for entry in needed))


def _extra(extra: str, gain: str, needed: list[Requirement]) -> Iterator[Finding]:
    bad = [text for entry in needed if (text := _fault(entry))]
    if bad:
        step = f"for {gain}: pip install '{DISTRIBUTION}[{extra}]'"
        yield note(extra, "; ".join(bad), step)
        return
    broken = [text for entry in needed if (text := _broken(entry.name))]
    if broken:
        yield warning(extra, "; ".join(broken), f"{gain} do not work until that library is installed")
        return
    names = dict.fromkeys(f"{entry.name} {_version(entry.name)}" for entry in needed)
    yield ok(extra, f"{', '.join(names)}: {gain}")


def _fault(entry: Requirement) -> str:
    version = _version(entry.name)
    if version is None:
        return f"{entry.name} is missing"
    if entry.minimum and _numbers(version) < _numbers(entry.minimum):
        return f"{entry.name} is {version}, older than {entry.minimum}"
    return ""


def _broken(name: str) -> str:
    module = NATIVE.get(name)
    if module is None:
        return ""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as problem:
        return f"{name} {_version(name)} cannot be loaded: {problem}"
    return ""


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _parsed(line: str) -> Requirement:
    requirement, _, marker = line.partition(";")
    name = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    minimum = re.search(r">=\s*([0-9.]+)", requirement)
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
    return Requirement(
        name[0] if name else requirement.strip(),
        minimum[1] if minimum else "",
        extra[1] if extra else "",
    )
