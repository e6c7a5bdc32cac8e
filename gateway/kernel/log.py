"""Logging: standard `logging` calls in, JSON lines in `logs/` and readable lines on stderr out.

A line has `time`, `level`, `subsystem` and `message`, and of `conn device request method session trace`
what is known where it was logged. Source: names that `openclaw logs` and the Control UI of 2026.9.6 show.
"""

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec

from gateway.kernel.config.gateway import LoggingSettings
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.home import Home
from gateway.kernel.log_file import BoundedFileHandler
from gateway.kernel.log_redaction import TextRedactor
from gateway.kernel.rpc.context import Ctx

PEER_TEXT_CHARS: Final = 256
"""How much of a peer's own words a line may hold: enough to know a client by, too little to tell a story."""

MESSAGE_CHARS: Final = 8 * 1024
TRACEBACK_CHARS: Final = 32 * 1024

SLACK_CHARS: Final = 1024
"""Cleaned beyond the cut, so that no half of a secret is left at the end of a line."""

OWN_PACKAGES: Final = ("gateway", "protocol")
"""Loggers that follow `logging.level`. Libraries stay at warnings: their debug lines hold frames and SQL."""

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_NAMES: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.CRITICAL: "fatal",
}

logger = logging.getLogger(__name__)

redactor: Final = TextRedactor()
"""Takes secrets out of every line, of every handler."""


def printable(text: str, limit: int = PEER_TEXT_CHARS) -> str:
    r"""A peer's text in one harmless line of at most `limit` characters.

    Control, bidi and other invisible characters become `\x1b` and the like; what is cut off leaves `…`.
    """
    cut = text[:limit]
    if not cut.isprintable():
        cut = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
    return cut if len(text) <= limit and len(cut) <= limit else cut[: limit - 1] + "…"


class Scene(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a log line is about."""

    conn: str | None = None
    device: str | None = None
    request: str | None = None
    method: str | None = None
    session: str | None = None
    trace: str | None = None


_scene: ContextVar[Scene | None] = ContextVar("log_scene", default=None)


class scene:  # noqa: N801 - reads as a statement: `with scene(session=key):`
    """Adds facts to every line logged inside the block and in tasks started there."""

    __slots__ = ("_added", "_token")

    def __init__(
        self,
        *,
        conn: str | None = None,
        device: str | None = None,
        request: str | None = None,
        method: str | None = None,
        session: str | None = None,
        trace: str | None = None,
    ) -> None:
        self._added = Scene(conn, device, request, method, session, trace)
        self._token: Token[Scene | None] | None = None

    def __enter__(self) -> Self:
        around = _scene.get()
        self._token = _scene.set(self._added if around is None else _merged(around, self._added))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _scene.reset(self._token)


def request_context(ctx: Ctx) -> scene:
    """The scene of one request."""
    principal = ctx.principal
    return scene(
        conn=principal.conn_id,
        device=principal.device_id,
        request=printable(ctx.request_id, 128),
        trace=ctx.trace_id,
    )


def current_trace() -> str | None:
    """The trace id of the request being worked on, to hand on to a run or a subprocess."""
    around = _scene.get()
    return None if around is None else around.trace


def _merged(around: Scene, added: Scene) -> Scene:
    new = {name: value for name in added.__struct_fields__ if (value := getattr(added, name)) is not None}
    return msgspec.structs.replace(around, **new)


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, object] = {
            "time": _iso(record.created),
            "level": _NAMES.get(record.levelno, "error"),
            "subsystem": subsystem(record.name),
            "message": _message(record),
        }
        around = _scene.get()
        if around is not None:
            line.update(msgspec.to_builtins(around))
        if record.exc_info:
            line["error"] = "\n".join(_traceback(self, record))
        return msgspec.json.encode(line).decode()


class HumanLines(logging.Formatter):
    """`12:34:56 warn  devices: text`, a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The text, without its last newline."""
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        level = _NAMES.get(record.levelno, "error")
        text = f"{time} {level:<5} {subsystem(record.name)}: {_message(record)}"
        if record.exc_info:
            text += "".join(f"\n    {line}" for line in _traceback(self, record))
        return text


def subsystem(logger_name: str) -> str:
    """A logger's name as readers know it: `gateway.devices.pairing` is `devices.pairing`."""
    return logger_name.removeprefix("gateway.").removeprefix("kernel.")


def _message(record: logging.LogRecord) -> str:
    return printable(redactor.clean(record.getMessage()[: MESSAGE_CHARS + SLACK_CHARS]), MESSAGE_CHARS)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """The lines of a traceback. What an exception says may be a peer's words, and as long as it likes."""
    text = formatter.formatException(record.exc_info) if record.exc_info else ""
    text = redactor.clean(text[-TRACEBACK_CHARS - SLACK_CHARS :])[-TRACEBACK_CHARS:]
    return [printable(line) for line in text.splitlines()]


def _iso(created_s: float) -> str:
    return datetime.fromtimestamp(created_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Logs:
    """The process's log while the gateway runs: a file under `logs/` and stderr."""

    def __init__(self, path: Path, settings: LoggingSettings, stream: TextIO | None = None) -> None:
        self.file = BoundedFileHandler(path, settings.max_file_bytes, settings.max_files)
        self.file.setFormatter(JsonLines())
        self._console = logging.StreamHandler(stream or sys.stderr)
        self._console.setFormatter(HumanLines())
        root = logging.getLogger()
        root.setLevel(logging.WARNING)
        root.addHandler(self.file)
        root.addHandler(self._console)
        self.apply(settings)

    def apply(self, settings: LoggingSettings) -> None:
        """Take over changed settings at once."""
        for name in OWN_PACKAGES:
            logging.getLogger(name).setLevel(_LEVELS[settings.level])
        self.file.max_file_bytes = settings.max_file_bytes
        self.file.max_files = settings.max_files

    def close(self) -> None:
        """Stop writing; later records go where `logging` sends them by default."""
        root = logging.getLogger()
        for handler in (self.file, self._console):
            root.removeHandler(handler)
            handler.close()


def configure(home: Home, config: ConfigStore) -> Callable[[], None]:
    """Log as the configuration says, now and after each change of it; call the result to stop.

    Every secret the configuration holds or refers to is masked in all lines.
    """
    logs = Logs(home.log_path, config.get(LoggingSettings))
    redactor.protect(config.secret_texts())
    config.watch(LoggingSettings, lambda _, new: logs.apply(new))
    config.on_applied(lambda _: redactor.protect(config.secret_texts()))
    for issue in config.issues:
        logger.warning("%s: %s", home.config_path.name, issue)
    return logs.close
