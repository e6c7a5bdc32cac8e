"""Whether a command line may run now, and in which form."""

from typing import Final

import msgspec

from device_node.exec_policy.document import AllowEntry, Rules
from device_node.exec_policy.matching import Candidate, covering
from device_node.providers.run_plan import Binding, exact_pattern
from device_node.providers.shell_text import joined
from device_node.providers.target import RunDenied, Target
from protocol.commands.system import SystemRun

ASK_FALLBACK: Final = "ask-fallback"
"""Nobody answered in time; the node is to go by its own fallback. Source: OpenClaw's gateway."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The permission to run."""

    argv: tuple[str, ...]
    bound: bool
    """Whether it was given for these very files, which must then be the ones that run."""
    used: tuple[tuple[AllowEntry, str], ...] = ()
    """Rules of the allow-list, with the program each covered."""


def grant_for(call: SystemRun, target: Target, binding: Binding, rules: Rules, *, approved: bool) -> Grant:
    """Decide by the node's rules; `approved` says that a person's yes to this plan was checked.

    Raises:
        RunDenied: with the reason in plain words.
    """
    if rules.security == "deny":
        raise RunDenied("the owner of this node allows no commands", "security=deny")
    fallback = call.approval_source == ASK_FALLBACK
    if approved and not fallback:
        return Grant(argv=target.argv, bound=True)
    if rules.ask == "always" and not fallback:
        raise RunDenied("this node asks a person each time; get an approval first")
    if fallback and rules.ask_fallback == "deny":
        raise RunDenied("nobody answered, and this node then runs nothing")
    if rules.security == "full" and not (fallback and rules.ask_fallback == "allowlist"):
        return Grant(argv=target.argv, bound=fallback)
    if (listed := _listed(target, binding, rules)) is not None:
        return listed
    if fallback:
        raise RunDenied("nobody answered, and it is not on the allow-list of this node", "allowlist-miss")
    if rules.ask == "off":
        raise RunDenied("it is not on the allow-list of this node; its owner can add it", "allowlist-miss")
    raise RunDenied("it is not on the allow-list of this node; get an approval first")


def _listed(target: Target, binding: Binding, rules: Rules) -> Grant | None:
    """The whole command line, or each command of its plain shell text, is on the list."""
    whole = Candidate(
        path=target.program.path,
        name=_bare(target.called),
        arguments=target.argv[1:],
        exact_hash=lambda: exact_pattern(target, binding.files),
    )
    entry = covering(rules.allowlist, whole)
    if entry is not None:
        return Grant(argv=target.argv, bound=True, used=((entry, whole.path),))
    if target.parts is None:
        return None
    used: list[tuple[AllowEntry, str]] = []
    for part in target.parts:
        path = part.program.path
        candidate = Candidate(path=path, name=_bare(part.called), arguments=part.words[1:], exact_hash=str)
        if (entry := covering(rules.allowlist, candidate)) is None:
            return None
        used.append((entry, path))
    return Grant(argv=_without_shell(target), bound=True, used=tuple(used))


def _without_shell(target: Target) -> tuple[str, ...]:
    """The same commands by their paths: a login shell could have other programs of these names."""
    assert target.parts is not None  # noqa: S101 - only called with parts
    text = " ".join(joined(part.joint, part.words) for part in target.parts)
    return (target.argv[0], "-c", text)


def _bare(name: str) -> str | None:
    """The name a program was searched by on `PATH`; None when a path was given."""
    return name if "/" not in name else None
