"""Commands a person types instead of a message: `/help`, `/stop`, … One table, read by `commands.list`.

Text that begins with `/` and is not in the table is a message for the agent like any other.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, Protocol, get_args

import msgspec

from gateway.chat.model import Run
from gateway.kernel.store.db import Database, Tx
from gateway.sessions import store as sessions
from gateway.sessions.keys import SessionKey
from protocol.nouns.command import CommandArgument, CommandChoice, SlashCommand
from protocol.nouns.run import QueueMode
from protocol.scopes import Scope, allows


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One command, as people and clients learn about it."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other words for it, without the slash."""
    description: str
    category: Literal["session", "options", "status"]
    argument: str | None = None
    """What may follow the name."""
    choices: tuple[str, ...] = ()
    """All values the argument may have; empty when it is free."""
    scope: Scope = Scope.WRITE
    """What the sender needs."""

    def wire(self) -> SlashCommand:
        """The command as `commands.list` shows it."""
        args = None
        if self.argument is not None:
            choices = [CommandChoice(value=choice, label=choice) for choice in self.choices]
            args = [
                CommandArgument(
                    name=self.argument,
                    description=f"One of: {', '.join(self.choices)}" if choices else self.argument,
                    type="string",
                    choices=choices or None,
                )
            ]
        return SlashCommand(
            name=self.name,
            native_name=self.name,
            text_aliases=[f"/{word}" for word in (self.name, *self.aliases)],
            description=self.description,
            category=self.category,
            source="native",
            scope="both",
            accepts_args=args is not None,
            args=args,
        )


COMMANDS: Final = (
    CommandSpec(name="help", aliases=("commands",), description="List the commands.", category="status"),
    CommandSpec(
        name="status",
        description="Show what this conversation is doing and with which model.",
        category="status",
    ),
    CommandSpec(
        name="stop",
        description="Stop the running answer and everything that waits.",
        category="session",
    ),
    CommandSpec(
        name="new",
        aliases=("reset",),
        description="Begin the conversation anew; the old one stays searchable.",
        category="session",
        scope=Scope.ADMIN,
    ),
    CommandSpec(
        name="queue",
        description="Choose what a message does while another one is being answered.",
        category="options",
        argument="mode",
        choices=(*get_args(QueueMode), "default"),
    ),
)

_BY_WORD: Final = {word: spec for spec in COMMANDS for word in (spec.name, *spec.aliases)}

_MODES: Final[dict[str, QueueMode]] = {mode: mode for mode in get_args(QueueMode)}


def parse(text: str) -> tuple[CommandSpec, str] | None:
    """The command in `text` and what follows it; None when it is a message for the agent."""
    if not text.startswith("/"):
        return None
    word, _, rest = text[1:].strip().partition(" ")
    spec = _BY_WORD.get(word.partition("@")[0].rstrip(":").lower())
    return None if spec is None else (spec, rest.strip())


class Turns(Protocol):
    """What commands need of chat."""

    async def abort(self, key: SessionKey, run_id: str | None, reason: str) -> list[str]:
        """Stop a session's runs."""
        ...

    def describe(self, key: SessionKey) -> str:
        """One line: what runs and waits in a session."""
        ...


class Resets(Protocol):
    """What commands need of sessions."""

    async def reset(self, key: SessionKey) -> object:
        """Begin a session anew."""
        ...


class Commands:
    """Carries out commands. Call `connect` before the first one: chat and commands need each other."""

    def __init__(self, db: Database, resets: Resets) -> None:
        self._db = db
        self._resets = resets
        self._turns: Turns | None = None
        self._actions: dict[str, Callable[[Run, str], Awaitable[str]]] = {
            "help": self._help,
            "status": self._status,
            "stop": self._stop,
            "new": self._new,
            "queue": self._queue,
        }

    def connect(self, turns: Turns) -> None:
        """Let commands stop and describe these turns."""
        self._turns = turns

    @staticmethod
    def commands(_agent_id: str) -> Sequence[SlashCommand]:
        """Every command; the agent makes no difference."""
        return [spec.wire() for spec in COMMANDS]

    async def execute(self, run: Run, text: str) -> str:
        """The answer to the command `text`.

        Raises:
            GatewayError: when it cannot be done.
        """
        parsed = parse(text)
        if parsed is None:
            return f"{text.split(maxsplit=1)[0]} is not a command; /help lists them."
        spec, rest = parsed
        if not allows(run.request.sender.scopes, spec.scope):
            return f"/{spec.name} needs the scope {spec.scope}; ask the gateway's owner for it."
        return await self._actions[spec.name](run, rest)

    @staticmethod
    async def _help(_run: Run, _rest: str) -> str:
        lines = (
            f"/{spec.name}{f' <{spec.argument}>' if spec.argument else ''} - {spec.description}"
            for spec in COMMANDS
        )
        return "\n".join(("Commands:", *lines, "Everything else you write goes to the agent."))

    async def _status(self, run: Run, _rest: str) -> str:
        session = await self._db.read(lambda tx: sessions.find(tx, run.session_key))
        model = None if session is None else session.overrides.model or session.model
        lines = [
            f"Session {run.session_key}, agent {run.agent_id}",
            self._connected().describe(run.session_key),
        ]
        if model is not None:
            lines.append(f"Model {model}")
        if session is not None and session.total_tokens is not None:
            lines.append(f"{session.total_tokens} tokens in the last answer")
        return "\n".join(lines)

    async def _stop(self, run: Run, _rest: str) -> str:
        stopped = await self._connected().abort(run.session_key, None, "stop-command")
        if not stopped:
            return "Nothing was running."
        return "Stopped." if len(stopped) == 1 else f"Stopped {len(stopped)} messages."

    async def _new(self, run: Run, _rest: str) -> str:
        await self._resets.reset(run.session_key)
        return "A new conversation begins."

    async def _queue(self, run: Run, rest: str) -> str:
        mode = _MODES.get(rest.lower())
        if mode is None and rest.lower() != "default":
            return f"Write /queue with one of: {', '.join((*_MODES, 'default'))}."
        now_ms = run.started_ms or run.accepted_ms

        def unit(tx: Tx) -> None:
            session = sessions.find(tx, run.session_key)
            if session is not None:
                overrides = msgspec.structs.replace(session.overrides, queue_mode=mode)
                sessions.change(tx, session, overrides=overrides, updated_ms=now_ms)

        await self._db.write(unit)
        chosen = "the default mode" if mode is None else mode
        return f"Queue mode of this conversation: {chosen}."

    def _connected(self) -> Turns:
        if self._turns is None:
            raise RuntimeError("commands are not connected to chat")
        return self._turns
