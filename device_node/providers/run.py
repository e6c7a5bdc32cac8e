"""`system.run` and `system.run.prepare`.

A command line is argv, without a shell unless argv is one. It runs when the node's own rules allow it, or
when a person said yes to a plan and what would run is still exactly that plan.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from device_node.commands import CommandFailed, Invocation, performs
from device_node.exec_policy.document import COMMAND_MARK, DEFAULT_AGENT, AllowEntry, Rules, rules_for
from device_node.exec_policy.store import RulesStore, RulesUnreadable
from device_node.providers.environment import checked_additions, environment_hash
from device_node.providers.process import BY_DESCRIPTOR, Ended, Program, Start
from device_node.providers.run_events import RunEvents, SendEvent
from device_node.providers.run_grant import ASK_FALLBACK, Grant, grant_for
from device_node.providers.run_plan import (
    Binding,
    PlanBook,
    check_approved,
    command_text,
    exact_pattern,
    make_plan,
)
from device_node.providers.target import RunDenied, Target, resolve
from protocol.commands.system import (
    MAX_OUTPUT_BYTES,
    AllowAlwaysCoverage,
    AllowRule,
    ExecPolicy,
    SystemRun,
    SystemRunPrepare,
    SystemRunPrepared,
    SystemRunResult,
)

ANSWER_MARGIN_MS: Final = 250
"""Left of the caller's patience to bring it the answer: "timed out, this was the output" beats silence."""

PERMISSION: Final = "system_run"
SCREEN_PERMISSION: Final = "screen"


class RunProvider:
    """Runs programs by the node's rules."""

    def __init__(
        self,
        store: RulesStore,
        environment: Mapping[str, str],
        permissions: Mapping[str, bool],
        send_event: SendEvent,
    ) -> None:
        self._store = store
        self._environment = dict(environment)
        self._permissions = permissions
        self._send_event = send_event
        self._book = PlanBook()

    @performs(SystemRunPrepare)
    async def prepare(self, _: Invocation, call: SystemRunPrepare) -> SystemRunPrepared:
        """Say exactly what would run."""
        self._check_permission()
        added = checked_additions(call.env)
        return await asyncio.to_thread(self._prepare, call, added)

    @performs(SystemRun)
    async def run(self, invocation: Invocation, call: SystemRun) -> SystemRunResult:
        """Run it, if that is allowed."""
        added = checked_additions(call.env)
        events = RunEvents.of(self._send_event, invocation, call)
        try:
            self._check_permission(needs_screen=bool(call.needs_screen_recording))
            with closing(await self._resolved(call)) as target:
                grant = await asyncio.to_thread(self._grant, call, target, added)
                start = _start(target, grant, self._environment | added, invocation)
                return await _run(start, _timeout_s(call, invocation), target, grant, events)
        except RunDenied as denied:
            await events.denied(denied.reason)
            raise

    def _check_permission(self, *, needs_screen: bool = False) -> None:
        if not self._permissions.get(PERMISSION, False):
            raise RunDenied("the owner of this node allows no commands", "security=deny")
        if needs_screen and not self._permissions.get(SCREEN_PERMISSION, False):
            raise RunDenied("PERMISSION_MISSING: screenRecording", "permission:screenRecording")

    async def _resolved(self, call: SystemRun) -> Target:
        """The target, also closed when the caller gives up while a thread still opens its files."""
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, resolve, call.command, call.cwd, self._environment)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    def _rules(self, agent_id: str | None) -> Rules:
        try:
            return rules_for(self._store.load().document, agent_id)
        except RulesUnreadable as error:
            raise RunDenied(
                f"the rules of this node cannot be relied on: {error}", "security=deny"
            ) from error

    def _prepare(self, call: SystemRunPrepare, added: Mapping[str, str]) -> SystemRunPrepared:
        rules = self._rules(call.agent_id)
        with closing(resolve(call.command, call.cwd, self._environment)) as target:
            binding = _binding(target, added)
            plan = make_plan(call, target, binding, rules)
            rule = AllowRule(pattern=target.program.path, arg_pattern=exact_pattern(target, binding.files))
        self._book.remember(plan, binding)
        return SystemRunPrepared(
            plan=plan,
            exec_policy=ExecPolicy(security=rules.security, ask=rules.ask),
            allow_always_coverage=AllowAlwaysCoverage(complete=True, patterns=[rule]),
        )

    def _grant(self, call: SystemRun, target: Target, added: Mapping[str, str]) -> Grant:
        """Decide, and write down what the decision changes. Blocks."""
        if call.approval_source not in {None, ASK_FALLBACK}:
            raise RunDenied("this node takes no approval but a person's")
        if call.approval_decision == "deny":
            raise RunDenied("a person said no")
        rules = self._rules(call.agent_id)
        approved = bool(call.approved) or call.approval_decision is not None
        must_match = approved or call.approval_source == ASK_FALLBACK
        needs_files = must_match or rules.security == "allowlist"
        binding = _binding(target, added) if needs_files else Binding("", "", ())
        if must_match:
            check_approved(call, target, binding, rules, self._book)
        grant = grant_for(call, target, binding, rules, approved=approved)
        try:
            for entry, path in grant.used:
                self._store.note_use(entry, path)
            if approved and call.approval_decision == "allow-always":
                self._store.allow(call.agent_id or DEFAULT_AGENT, _lasting(target, binding))
        except (OSError, RulesUnreadable) as error:
            reason = "approval-state-write-failed"
            raise RunDenied(f"the rules of this node cannot be written: {error}", reason) from error
        return grant


async def _run(
    start: Start, timeout_s: float | None, target: Target, grant: Grant, events: RunEvents
) -> SystemRunResult:
    changed = RunDenied("approval does not match: a program or script changed meanwhile; ask again")
    if grant.bound and not target.unchanged:
        raise changed
    try:
        running = await Program.start(start)
    except OSError as error:
        raise CommandFailed(
            "INVALID_REQUEST", f"command: cannot be started: {error.strerror or error}"
        ) from error
    async with running as program:
        # Until it was loaded it may still have been written to; then it is ended a moment after its start.
        if grant.bound and not target.unchanged:
            raise changed
        await events.started()
        ended = await program.finish(timeout_s)
    await events.finished(ended)
    return _result(ended)


def _binding(target: Target, added: Mapping[str, str]) -> Binding:
    return Binding(environment_hash(added), target.folder_id, tuple(target.fingerprints()))


def _lasting(target: Target, binding: Binding) -> list[AllowEntry]:
    """Rules that let exactly this command line run again, and the mark OpenClaw's gateway looks for."""
    digest = hashlib.sha256(command_text(target.argv).encode()).hexdigest()
    return [
        AllowEntry(
            pattern=target.program.path,
            arg_pattern=exact_pattern(target, binding.files),
            source="allow-always",
        ),
        AllowEntry(pattern=COMMAND_MARK + digest[:16], source="allow-always"),
    ]


def _start(target: Target, grant: Grant, environment: Mapping[str, str], invocation: Invocation) -> Start:
    by_descriptor = BY_DESCRIPTOR and grant.bound and target.is_binary
    return Start(
        argv=grant.argv,
        executable=f"/proc/self/fd/{target.program.fd}" if by_descriptor else None,
        keep_fds=(target.program.fd,) if by_descriptor else (),
        cwd=f"/proc/self/fd/{target.folder.fd}" if BY_DESCRIPTOR else target.folder.path,
        env={**environment, "PWD": target.folder.path},
        max_stdout_bytes=MAX_OUTPUT_BYTES,
        max_stderr_bytes=MAX_OUTPUT_BYTES,
        on_output=invocation.progress,
    )


def _timeout_s(call: SystemRun, invocation: Invocation) -> float | None:
    """The shorter of what the call allows and what the caller will wait; none when neither says."""
    limits = [call.timeout_ms] if call.timeout_ms else []
    if invocation.timeout_ms:
        limits.append(max(invocation.timeout_ms - ANSWER_MARGIN_MS, invocation.timeout_ms // 2))
    return min(limits) / 1000 if limits else None


def _result(ended: Ended) -> SystemRunResult:
    error = None
    if ended.timed_out:
        error = "it did not end in time and was stopped"
    elif ended.signal is not None:
        error = f"it was ended by signal {ended.signal}"
    return SystemRunResult(
        exit_code=ended.exit_code,
        timed_out=ended.timed_out,
        success=ended.success,
        stdout=ended.stdout.text(),
        stderr=ended.stderr.text(),
        error=error,
    )


def _close_unused(opening: "asyncio.Future[Target]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
