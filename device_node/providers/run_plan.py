"""Plans: exactly what would run, and whether that is still what a person said yes to."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from device_node.exec_policy.document import EXACT_PREFIX, Rules
from device_node.providers.shell_text import inline_text
from device_node.providers.target import RunDenied, Target
from protocol.commands.system import FileFingerprint, SystemRun, SystemRunPlan, SystemRunPrepare

MAX_REMEMBERED: Final = 512
"""Plans whose bindings are kept for a gateway that does not carry them; the oldest go first."""

_NEEDS_QUOTES: Final = re.compile(r'[\t-\r "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]')


class Binding(msgspec.Struct, frozen=True):
    """What must be equal when an approved plan runs, besides what every plan says."""

    env_hash: str
    folder_id: str
    files: tuple[FileFingerprint, ...]


def command_text(argv: Sequence[str]) -> str:
    """The command line for people. OpenClaw's gateway refuses a plan whose text is written in another way."""
    return " ".join(_quoted(argument) for argument in argv)


def exact_pattern(target: Target, prints: Sequence[FileFingerprint]) -> str:
    """Argument pattern of a rule for this command line in this folder, with the files as they are."""
    bound = [target.folder.path, list(target.argv), [entry.sha256 for entry in prints]]
    return EXACT_PREFIX + hashlib.sha256(msgspec.json.encode(bound)).hexdigest()


def make_plan(call: SystemRunPrepare, target: Target, binding: Binding, rules: Rules) -> SystemRunPlan:
    """The plan of a resolved command line. The caller's own text is repeated only if it says the same."""
    inline = inline_text(target.argv)
    return SystemRunPlan(
        argv=list(target.argv),
        cwd=target.folder.path,
        command_text=command_text(target.argv),
        command_preview=inline if call.raw_command == inline else None,
        agent_id=call.agent_id,
        session_key=call.session_key,
        mutable_file_operand=binding.files[-1],
        policy_snapshot=rules.snapshot(),
        env_hash=binding.env_hash,
        folder_id=binding.folder_id,
        files=list(binding.files),
    )


class PlanBook:
    """Bindings of plans made here. OpenClaw's gateway carries only the fields of a plan that it knows."""

    def __init__(self) -> None:
        self._made: OrderedDict[bytes, None] = OrderedDict()

    def remember(self, plan: SystemRunPlan, binding: Binding) -> None:
        """Keep what a plan is bound to."""
        key = _key(plan, binding)
        self._made[key] = None
        self._made.move_to_end(key)
        while len(self._made) > MAX_REMEMBERED:
            self._made.popitem(last=False)

    def holds(self, plan: SystemRunPlan, binding: Binding) -> bool:
        """Whether such a plan was made with this binding."""
        return _key(plan, binding) in self._made


def check_approved(call: SystemRun, target: Target, binding: Binding, rules: Rules, book: PlanBook) -> None:
    """Hold what would run now against the approved plan.

    Raises:
        RunDenied: "approval does not match", naming what differs.
    """
    plan = call.system_run_plan
    if plan is None:
        raise _mismatch("it names no plan; prepare the command and ask again")
    same = (
        ("the command", call.command == plan.argv == list(target.argv)),
        ("the text shown to the person", plan.command_text == command_text(target.argv)),
        ("the folder", plan.cwd == target.folder.path and call.cwd in {None, plan.cwd}),
        ("the agent", call.agent_id == plan.agent_id),
        ("the session", call.session_key == plan.session_key),
        ("the node's rules", _same_rules(plan, rules)),
    )
    for what, is_same in same:
        if not is_same:
            raise _mismatch(f"{what} changed after it was given; ask again")
    if plan.files is None or plan.env_hash is None or plan.folder_id is None:
        if not book.holds(plan, binding):
            raise _mismatch("environment, folder or files differ from the plan of this node; ask again")
        return
    carried = Binding(plan.env_hash, plan.folder_id, tuple(plan.files))
    if carried.env_hash != binding.env_hash:
        raise _mismatch("the environment changed after it was given; ask again")
    if carried.folder_id != binding.folder_id:
        raise _mismatch("the folder was replaced after it was given; ask again")
    if carried.files != binding.files:
        raise _mismatch("a program or script changed after it was given; ask again")


def _mismatch(what: str) -> RunDenied:
    return RunDenied(f"approval does not match: {what}")


def _same_rules(plan: SystemRunPlan, rules: Rules) -> bool:
    """The list may have grown by other approvals; the rest is the owner's word."""
    then = plan.policy_snapshot
    return then is not None and (then.security, then.ask, then.ask_fallback, then.auto_allow_skills) == (
        rules.security,
        rules.ask,
        rules.ask_fallback,
        rules.auto_allow_skills,
    )


def _key(plan: SystemRunPlan, binding: Binding) -> bytes:
    """The fields of a plan that every gateway carries, and its binding."""
    carried = (plan.argv, plan.cwd, plan.command_text, plan.agent_id, plan.session_key)
    return hashlib.sha256(msgspec.json.encode((carried, plan.mutable_file_operand, binding))).digest()


def _quoted(argument: str) -> str:
    if argument and not _NEEDS_QUOTES.search(argument):
        return argument
    return '"' + argument.replace('"', '\\"') + '"'
