"""Running programs on a node.

Source: OpenClaw docs/nodes/node-exec.md (2026.9.6) and plans recorded from its node host.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.errors import JsonValue
from protocol.method import Command, Wire, command
from protocol.nouns.approval import Decision

Argument = Annotated[str, Meta(max_length=65_536)]
Argv = Annotated[list[Argument], Meta(min_length=1, max_length=1024)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]

MAX_OUTPUT_BYTES = 200_000
"""Kept of stdout and of stderr each. Source: docs/nodes/node-exec.md."""

Security = Literal["deny", "allowlist", "full"]
"""What a node runs: nothing, what is on its list, or everything."""

Ask = Literal["off", "on-miss", "always"]
"""When a person is asked: never, for what is not on the list, or each time."""


class FileFingerprint(Wire):
    """A file a command would execute, as it was when the plan was made."""

    argv_index: int
    path: str
    sha256: str


class AllowRule(Wire):
    """One program that may run without asking."""

    pattern: str
    """Path of the program, with `*` inside one folder and `**` across folders."""
    arg_pattern: str | None = None


class PolicySnapshot(Wire):
    """The rules a plan was made under."""

    security: Security
    ask: Ask
    ask_fallback: Security
    auto_allow_skills: bool
    allowlist_rules: list[AllowRule]


class SystemRunPlan(Wire):
    """Exactly what would run. An approval is given for a plan; anything else needs another approval."""

    argv: list[str]
    """The program resolved to its path."""
    cwd: str | None
    command_text: str
    """The same for people to read."""
    command_preview: str | None
    agent_id: str | None
    session_key: str | None
    mutable_file_operand: FileFingerprint | None = None
    policy_snapshot: PolicySnapshot | None = None
    env_hash: str | None = None
    """Homarus only: SHA-256 over the environment the caller adds."""
    folder_id: str | None = None
    """Homarus only: which folder `cwd` was, as device and inode."""
    files: list[FileFingerprint] | None = None
    """Homarus only: every file the plan is bound to; `mutable_file_operand` is the last of them."""


class ExecPolicy(Wire):
    """The rules that hold for a caller."""

    security: Security
    ask: Ask


class AllowAlwaysCoverage(Wire):
    """What the list would hold after `allow-always`."""

    complete: bool
    patterns: list[AllowRule]


class SystemRunPrepared(Wire):
    """A plan, and what the node's own rules say about it."""

    plan: SystemRunPlan
    exec_policy: ExecPolicy
    allow_always_coverage: AllowAlwaysCoverage | None = None


@command("system.run.prepare", capability="system")
class SystemRunPrepare(Command[SystemRunPrepared]):
    """Say exactly what a command would run, without running it.

    Errors: `INVALID_REQUEST` when there is no such program or folder.
    """

    command: Argv
    raw_command: Argument | None = None
    cwd: Path | None = None
    env: dict[str, Argument] | None = None
    agent_id: str | None = None
    session_key: str | None = None


class SystemRunResult(Wire):
    """How a program ended; output beyond 200 000 bytes is cut in the middle."""

    exit_code: int | None
    timed_out: bool
    success: bool
    stdout: str
    stderr: str
    error: str | None = None


@command("system.run", capability="system")
class SystemRun(Command[SystemRunResult]):
    """Run a program: argv, no shell.

    Errors: `SYSTEM_RUN_DENIED` when the node's rules or its owner say no, or when what would run is not the
    approved plan; `INVALID_REQUEST` when there is no such program or folder.
    """

    command: Argv
    raw_command: Argument | None = None
    cwd: Path | None = None
    env: dict[str, Argument] | None = None
    timeout_ms: Annotated[int, Meta(ge=0, le=86_400_000)] | None = None
    needs_screen_recording: bool | None = None
    agent_id: str | None = None
    session_key: str | None = None
    run_id: str | None = None
    """Issued by the gateway; the lifecycle events repeat it."""
    approved: bool | None = None
    approval_decision: Decision | None = None
    approval_source: str | None = None
    system_run_plan: SystemRunPlan | None = None
    suppress_notify_on_exit: bool | None = None


class Found(Wire):
    """Where programs are; those that are not there are left out."""

    bins: dict[str, str]


@command("system.which", capability="system")
class SystemWhich(Command[Found]):
    """Look for programs."""

    bins: Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=512)]


class Shown(Wire):
    """It was shown."""

    ok: bool


@command("system.notify", capability="system")
class SystemNotify(Command[Shown]):
    """Show a notification to whoever sits at the node.

    Errors: `NOTIFICATIONS_UNAVAILABLE` when there is no desktop to show it on.
    """

    title: Annotated[str, Meta(min_length=1, max_length=256)]
    body: Annotated[str, Meta(max_length=4096)] = ""
    sound: str | None = None
    priority: Literal["passive", "active", "timeSensitive"] = "active"
    delivery: Literal["system", "overlay", "auto"] = "auto"


class ExecApprovalsSnapshot(Wire):
    """The rules of a node as a file, with the hash that a change has to name."""

    path: str
    exists: bool
    hash: str
    file: dict[str, JsonValue]


@command("system.execApprovals.get", capability="system")
class SystemExecApprovalsGet(Command[ExecApprovalsSnapshot]):
    """Read the rules."""


@command("system.execApprovals.set", capability="system")
class SystemExecApprovalsSet(Command[ExecApprovalsSnapshot]):
    """Replace the rules.

    Errors: `INVALID_REQUEST` naming the field that is wrong, or when `base_hash` is not that of the present
    rules.
    """

    file: msgspec.Raw
    base_hash: str | None = None
