"""Loads every declaration, for what needs the whole contract: the schema, the page and the tests.

The gateway and the clients import only the families they use.
"""

import importlib
import pkgutil
from typing import Any

from protocol import commands, events, methods
from protocol.method import COMMANDS, EVENTS, METHODS, Command, Event, Method


def all_methods() -> dict[str, Method]:
    """Every declared method by wire name, sorted."""
    _load()
    return dict(sorted(METHODS.items()))


def all_events() -> dict[str, type[Event]]:
    """Every declared event by wire name, sorted."""
    _load()
    return dict(sorted(EVENTS.items()))


def all_commands() -> dict[str, type[Command[Any]]]:
    """Every declared node command by wire name, sorted."""
    _load()
    return dict(sorted(COMMANDS.items()))


def _load() -> None:
    for package in (methods, events, commands):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
