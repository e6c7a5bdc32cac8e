"""What this node can be asked to do: the table of commands, and how one of them is answered."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from protocol.method import Command

S = TypeVar("S")
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
C = TypeVar("C")
R = TypeVar("R")

_PERFORMS: Final = "__homarus_performs__"

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class CommandFailed(Exception):
    """The command could not be done; both travel to the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One command on its way through this node."""

    id: str
    command: str
    params: bytes
    """JSON; `{}` when the caller gave none."""
    timeout_ms: int | None = None
    """What is left of the caller's patience."""
    idempotency_key: str | None = None
    session_key: str | None = None
    progress: Callable[[str], None] = lambda _: None
    """Send a piece of output before the result."""


class DeclaredCommand(Protocol[C_co, R_co]):
    """The class of a declared command, seen as a pair of parameter and result type."""

    def params_type(self) -> type[C_co]:
        """The parameter struct."""
        ...

    def result_type(self) -> type[R_co]:
        """The result type."""
        ...


def performs(
    command: DeclaredCommand[C, R],
) -> Callable[[Callable[[S, Invocation, C], Awaitable[R]]], Callable[[S, Invocation, C], Awaitable[R]]]:
    """Mark a coroutine method as what does a declared command; wrong types are a type-checker error."""

    def mark(
        function: Callable[[S, Invocation, C], Awaitable[R]],
    ) -> Callable[[S, Invocation, C], Awaitable[R]]:
        setattr(function, _PERFORMS, command)
        return function

    return mark


class CommandTable:
    """The commands that work on this machine."""

    def __init__(self) -> None:
        self._commands: dict[str, tuple[type[Command[Any]], Callable[[Invocation, Any], Awaitable[Any]]]] = {}

    def add(self, provider: object, *, only: Mapping[str, bool] | None = None) -> None:
        """Offer every marked method of `provider`; with `only`, those whose wire name maps to true.

        Raises:
            TypeError: when two providers do the same command.
        """
        for _, function in inspect.getmembers(provider, inspect.ismethod):
            declared: type[Command[Any]] | None = getattr(function, _PERFORMS, None)
            if declared is None or not (only is None or only.get(declared.wire_name, False)):
                continue
            if declared.wire_name in self._commands:
                raise TypeError(f"two providers for {declared.wire_name}")
            self._commands[declared.wire_name] = (declared, function)

    @property
    def names(self) -> tuple[str, ...]:
        """Wire names, sorted."""
        return tuple(sorted(self._commands))

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the commands belong to, sorted."""
        found = {declared.capability for declared, _ in self._commands.values()}
        return tuple(sorted(capability for capability in found if capability is not None))

    async def perform(self, invocation: Invocation) -> bytes:
        """Do it and return the result as JSON.

        Raises:
            CommandFailed: with the code and text for the caller.
        """
        entry = self._commands.get(invocation.command)
        if entry is None:
            raise CommandFailed("UNAVAILABLE", f"command not supported: {invocation.command}")
        declared, function = entry
        try:
            call = msgspec.json.decode(invocation.params, type=declared)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise CommandFailed("INVALID_REQUEST", f"{invocation.command} params: {error}") from error
        try:
            return _encode(await function(invocation, call))
        except CommandFailed:
            raise
        except Exception as error:  # whatever one command does must not end the node; the log has it
            logger.exception("%s failed", invocation.command)
            raise CommandFailed("UNAVAILABLE", f"{invocation.command} failed on the node") from error
