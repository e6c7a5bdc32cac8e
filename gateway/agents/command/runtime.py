"""Lets any command-line agent answer: the message goes in as argument or on stdin, stdout is the answer."""

import asyncio
import codecs
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from gateway.agents.command.process import Program, ProgramOutputTooLong
from gateway.agents.model import (
    AgentFailed,
    AgentProfile,
    FailureReason,
    Finished,
    ModelSelected,
    Steering,
    TextDelta,
    Turn,
    TurnEvent,
)
from gateway.agents.programs import bare_environment
from gateway.agents.settings import COMMAND_PROVIDER, NO_ENTRY, AgentsSettings
from gateway.kernel.log import printable
from gateway.kernel.secret import SecretMissing
from gateway.kernel.store.files import private_dir
from gateway.kernel.supervisor import Supervisor

PLACEHOLDER: Final = "{message}"

MAX_ARGUMENT_BYTES: Final = 100_000
"""Of one argument; Linux allows 128 KiB. A longer message needs a program that reads stdin."""

logger = logging.getLogger(__name__)


class CommandRuntime:
    """Runs the program of one agent for each message."""

    def __init__(
        self, profile: AgentProfile, settings: Callable[[], AgentsSettings], tasks: Supervisor
    ) -> None:
        self._profile = profile
        self._settings = settings
        self._tasks = tasks

    async def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer the message, then each that arrived meanwhile, with a run of the program each.

        Raises:
            AgentFailed: the program cannot be started, fails, or passes a limit.
        """
        provider, _, model = self._profile.model.partition("/")
        yield ModelSelected(provider, model)
        waiting = [turn.message]
        first = True
        while waiting:
            for message in waiting:
                if not first:
                    yield TextDelta("\n\n")
                first = False
                async with aclosing(self._answer(turn, message)) as pieces:
                    async for piece in pieces:
                        yield TextDelta(piece)
            waiting = list(await steering.next_messages())
        yield Finished("stop")

    async def _answer(self, turn: Turn, message: str) -> AsyncGenerator[str]:
        settings = self._settings()
        try:
            async with asyncio.timeout(settings.command_timeout_s):
                async with aclosing(self._output(turn, message, settings)) as pieces:
                    async for piece in pieces:
                        yield piece
        except TimeoutError as error:
            raise self._failed(
                f"did not finish within {settings.command_timeout_s:g} s", "timeout"
            ) from error
        except ProgramOutputTooLong as error:
            raise self._failed(f"wrote more than {settings.command_max_bytes} bytes", "format") from error
        except OSError as error:
            raise self._failed(f"cannot be started: {error.strerror or error}", "unavailable") from error
        except SecretMissing as error:
            raise self._failed(f"cannot be started: {error.message}", "auth") from error

    async def _output(self, turn: Turn, message: str, settings: AgentsSettings) -> AsyncGenerator[str]:
        argv, with_input = self._argv(message)
        await asyncio.to_thread(private_dir, self._profile.workspace)
        program = await Program.start(
            argv,
            cwd=self._profile.workspace,
            env=self._environment(turn, settings),
            max_bytes=settings.command_max_bytes,
            with_input=with_input,
        )
        logger.info("agent %s: started %s as process %d", self._profile.id, Path(argv[0]).name, program.pid)
        async with program:
            feeding = self._tasks.spawn("command agent stdin", program.feed(message))
            complaining = self._tasks.spawn("command agent stderr", program.collect_complaints())
            try:
                decode = codecs.getincrementaldecoder("utf-8")("replace").decode
                async with aclosing(program.output()) as chunks:
                    async for chunk in chunks:
                        if text := decode(chunk):
                            yield text
                if text := decode(b"", final=True):
                    yield text
                code = await program.ended()
                if code != 0:
                    await asyncio.wait({complaining}, timeout=1.0)
                    raise self._failed(_ending(code, program.complaint), "unknown")
            finally:
                feeding.cancel()
                complaining.cancel()

    def _argv(self, message: str) -> tuple[list[str], bool]:
        """The command line, and whether the message goes to stdin."""
        if not any(PLACEHOLDER in part for part in self._profile.argv):
            return list(self._profile.argv), True
        if "\x00" in message or len(message.encode()) > MAX_ARGUMENT_BYTES:
            limit = f"cannot take this message as an argument: at most {MAX_ARGUMENT_BYTES} bytes without NUL"
            raise self._failed(limit, "context_overflow")
        program, *rest = self._profile.argv
        return [program, *(part.replace(PLACEHOLDER, message) for part in rest)], False

    def _environment(self, turn: Turn, settings: AgentsSettings) -> dict[str, str]:
        entry = settings.entries.get(self._profile.id, NO_ENTRY)
        added = {name: secret.reveal() for name, secret in entry.env.items()}
        about = {
            "HOMARUS_AGENT_ID": turn.agent_id,
            "HOMARUS_SESSION_KEY": turn.session_key,
            "HOMARUS_RUN_ID": turn.run_id,
            "HOMARUS_TRACE_ID": turn.trace_id,
        }
        return bare_environment(about | added)

    def _failed(self, what: str, reason: FailureReason) -> AgentFailed:
        name = Path(self._profile.argv[0]).name
        return AgentFailed(
            f"The program {name} of agent {self._profile.id} {what}",
            provider=COMMAND_PROVIDER,
            model=name,
            reason=reason,
            retryable=reason == "timeout",
        )


def _ending(code: int, complaint: str) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    last = printable(complaint.splitlines()[-1], 300) if complaint else ""
    return f"{how}: {last}" if last else how
