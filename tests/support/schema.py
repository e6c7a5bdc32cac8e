"""Does a frame a gateway sent satisfy OpenClaw's published `protocol.schema.json`?

That file defines the envelopes, `hello-ok`, most results and some event payloads, but does not say which
definition belongs to which method or event. `ProtocolSchema` binds them: results by the file's own naming
habit (`sessions.files.get` -> `SessionsFilesGetResult`), the rest by the tables below. What the file does
not define is checked as an envelope only.

Source: `@openclaw/gateway-protocol` 2026.9.1, `protocol.schema.json` (JSON Schema draft 7).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from jsonschema import Draft7Validator
from jsonschema.exceptions import (
    ValidationError,
    best_match,  # pyright: ignore[reportUnknownVariableType] - its stub leaves the result open
)

from tests.support.recorder import Frame, Json, Sender

Bindings: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of a target and the definition that applies there.

The target is a place inside the payload: "" is the whole of it, "sessions[]" every item of its list
"sessions". The definition is a name, optionally followed by ".member" steps into its properties.
"""

_RESULTS: Mapping[str, Bindings] = {
    "agent.identity.get": (("", "AgentIdentityResult"),),
    "board.get": (("", "BoardSnapshot"),),
    "config.schema": (("", "ConfigSchemaResponse"),),
    "cron.get": (("", "CronJob"),),
    "cron.list": (("jobs[]", "CronJob"),),
    "cron.runs": (("entries[]", "CronRunLogEntry"),),
    "cron.update": (("", "CronJob"),),
    "exec.approvals.get": (("", "ExecApprovalsSnapshot"),),
    "exec.approvals.set": (("", "ExecApprovalsSnapshot"),),
    "exec.approvals.node.get": (("", "ExecApprovalsNodeSnapshot"),),
    "exec.approvals.node.set": (("", "ExecApprovalsNodeSnapshot"),),
    "health": (("", "Snapshot.health"),),
    "session.members.add": (("", "SessionMemberMutationResult"),),
    "session.members.remove": (("", "SessionMemberMutationResult"),),
    "sessions.describe": (("session", "SessionRow"),),
    "sessions.goal.clear": (("", "SessionsGoalMutationResult"),),
    "sessions.goal.update": (("", "SessionsGoalMutationResult"),),
    "sessions.groups.delete": (("", "SessionsGroupsMutationResult"),),
    "sessions.groups.put": (("", "SessionsGroupsMutationResult"),),
    "sessions.groups.rename": (("", "SessionsGroupsMutationResult"),),
    "sessions.list": (("sessions[]", "SessionRow"),),
    "sessions.viewers.set": (("", "SessionsViewerPresenceSetResult"),),
    "system-presence": (("[]", "PresenceEntry"),),
    "tasks.dismiss": (("", "TasksRecoveryResult"),),
    "tasks.retry": (("", "TasksRecoveryResult"),),
}

_EVENTS: Mapping[str, Bindings] = {
    "agent": (("", "AgentEvent"),),
    "board.changed": (("", "BoardChangedEvent"),),
    "board.command": (("", "BoardCommandEvent"),),
    "chat": (("", "ChatEvent"),),
    "cron": (("job", "CronJob"),),
    "device.pair.requested": (("", "DevicePairRequestedEvent"),),
    "device.pair.resolved": (("", "DevicePairResolvedEvent"),),
    "device.pair.setup.completed": (("", "DevicePairSetupCompletedEvent"),),
    "device.pair.setup.deliveryUncertain": (("", "DevicePairSetupDeliveryUncertainEvent"),),
    "health": (("", "Snapshot.health"),),
    "node.invoke.request": (("", "NodeInvokeRequestEvent"),),
    "presence": (("presence[]", "PresenceEntry"),),
    "progressCard.changed": (("", "ProgressCardChangedEvent"),),
    "question.requested": (("", "QuestionRecord"),),
    "question.resolved": (("", "QuestionResolvedEvent"),),
    "session.approval": (("", "SessionApprovalEvent"),),
    "session.message": (("session", "SessionRow"),),
    "session.operation": (("", "SessionOperationEvent"),),
    "session.typing": (("", "SessionTypingEvent"),),
    "sessions.changed": (("session", "SessionRow"),),
    "shutdown": (("", "ShutdownEvent"),),
    "task": (("task", "TaskSummary"),),
    "task.suggestion": (("", "TaskSuggestionEvent"),),
    "terminal.data": (("", "TerminalDataEvent"),),
    "terminal.exit": (("", "TerminalExitEvent"),),
    "tick": (("", "TickEvent"),),
    "users.prefs.changed": (("", "UsersPrefsChangedEvent"),),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which one frame breaks the published schema."""

    subject: str
    """What was checked: `res sessions.list`, `event chat`, `frame event`, `hello-ok`."""
    where: str
    """Path inside the payload, indexes replaced by `[]`; `""` is the payload itself."""
    message: str

    def __str__(self) -> str:
        return f"{self.subject} at {self.where or '(root)'}: {self.message}"


class ProtocolSchema:
    """The published schema, ready to judge recorded frames."""

    def __init__(self, path: Path) -> None:
        document = cast("Json", json.loads(path.read_text(encoding="utf-8")))
        self._definitions = cast("dict[str, Json]", document["definitions"])
        self._by_lower_name = {name.lower(): name for name in self._definitions}
        details = [name for name in self._definitions if name.endswith("ErrorDetails")]
        self._error_details = {code: name for name in details if (code := self._code(name))}
        self._validators: dict[str, Draft7Validator] = {}
        self._position = 0
        self._asked: dict[tuple[int, object], str] = {}
        self.methods = frozenset(cast("dict[str, Json]", document["methods"]))
        """The methods the schema knows."""
        self.judged: Counter[str] = Counter()
        """How often each subject was checked against a definition."""

    def violations(self, frames: Sequence[Frame]) -> list[Violation]:
        """The violations among those `frames` of one recorder that no earlier call has judged, in order.

        Always give the recorder's whole list: its client frames tell which method an answer belongs to.
        """
        found: list[Violation] = []
        fresh, self._position = frames[self._position :], len(frames)
        for frame in fresh:
            if frame.sender is Sender.CLIENT:
                self._asked[frame.connection, frame.body.get("id")] = str(frame.body.get("method"))
            else:
                found.extend(self._judge(frame))
        return found

    def binding(self, method: str) -> Bindings:
        """The (target, definition) pairs for a method's result; empty when the schema defines none."""
        if method == "connect":
            return (("", "HelloOk"),)
        if bound := _RESULTS.get(method):
            return bound
        name = self._by_lower_name.get("".join(re.split(r"[.\-]", method)).lower() + "result")
        return (("", name),) if name else ()

    def _judge(self, frame: Frame) -> Iterator[Violation]:
        envelope = "ResponseFrame" if frame.kind == "res" else "EventFrame"
        yield from self._check(f"frame {frame.kind}", envelope, frame.body)
        payload = frame.body.get("payload")
        if frame.kind == "event":
            event = str(frame.body.get("event"))
            yield from self._check_all(f"event {event}", _EVENTS.get(event, ()), payload)
        elif frame.body.get("ok"):
            method = self._asked.get((frame.connection, frame.body.get("id")))
            assert method, f"a response to no request: {frame.body}"
            subject = "hello-ok" if method == "connect" else f"res {method}"
            yield from self._check_all(subject, self._bound(method, payload), payload)
        else:
            yield from self._judge_error(cast("Json", frame.body["error"]).get("details"))

    def _bound(self, method: str, payload: object) -> Bindings:
        # Only the answer that continues from a cursor is defined, and only that one says its kind.
        if method == "chat.history" and isinstance(payload, dict) and "kind" in payload:
            return (("", "ChatHistoryCursorResult"),)
        return self.binding(method)

    def _judge_error(self, details: object) -> Iterator[Violation]:
        if not isinstance(details, dict):
            return
        found = cast("Json", details)
        code = str(found.get("code"))
        if name := self._error_details.get(code):
            yield from self._check(f"error {code}", name, found)

    def _code(self, details: str) -> str | None:
        """The `details.code` that the definition called `details` is about, if it is about one."""
        properties = cast("dict[str, Json]", self._definitions[details].get("properties", {}))
        code = properties.get("code", {}).get("const")
        return None if code is None else str(code)

    def _check_all(
        self, subject: str, bindings: Iterable[tuple[str, str]], payload: object
    ) -> Iterator[Violation]:
        for target, definition in bindings:
            for value in _targets(payload, target):
                yield from self._check(subject, definition, value, prefix=target)

    def _check(self, subject: str, definition: str, value: object, prefix: str = "") -> Iterator[Violation]:
        self.judged[subject] += 1
        for error in _errors(self.validator(definition), value):
            # cast: a path holds member names and list indexes, which the stubs leave open.
            path = cast("Iterable[str | int]", error.absolute_path)
            steps = "".join("[]" if isinstance(step, int) else f".{step}" for step in path)
            yield Violation(subject, (prefix + steps).strip("."), error.message[:300])

    def validator(self, definition: str) -> Draft7Validator:
        """The compiled definition.

        Raises:
            KeyError: The schema defines no such thing.
        """
        if definition not in self._validators:
            name, *members = definition.split(".")
            schema = self._definitions[name]
            for member in members:
                schema = cast("dict[str, Json]", schema["properties"])[member]
            self._validators[definition] = Draft7Validator(schema)
        return self._validators[definition]


def _errors(validator: Draft7Validator, value: Any) -> Iterator[ValidationError]:
    """The reasons why `value` is refused; of several alternatives the one it came closest to."""
    # cast: the stubs leave the error type of both calls open.
    found = validator.iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
    for error in cast("Iterable[ValidationError]", found):
        yield cast("ValidationError | None", best_match([error])) or error


def _targets(payload: object, target: str) -> Iterator[object]:
    """The values `target` names inside `payload`: nothing when an optional member is absent or null."""
    name, is_list = target.removesuffix("[]"), target.endswith("[]")
    value = cast("Json", payload).get(name) if name and isinstance(payload, dict) else payload
    if is_list and isinstance(value, list):
        yield from cast("list[object]", value)
    elif not is_list and not (name and value is None):
        yield value


def summary(violations: Iterable[Violation]) -> str:
    """The distinct violations with how often each occurred, most frequent first."""
    counts = Counter(str(violation) for violation in violations)
    return "\n".join(f"{count:5} x {text}" for text, count in counts.most_common())
