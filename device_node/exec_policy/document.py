"""The rules as their file holds them, and what they come to for one agent.

Source: the exec approvals document of OpenClaw docs/tools/exec-approvals.md (2026.9.6). Unknown fields are
ignored, because OpenClaw's tools send their own along.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from protocol.commands.system import AllowRule, Ask, PolicySnapshot, Security
from protocol.method import Wire

MAX_RULES: Final = 1000
"""Of one agent: more than anyone reads is a mistake."""

MAX_AGENTS: Final = 256
"""Sections of one file."""

EVERY_AGENT: Final = "*"
"""The section that holds for all agents."""

DEFAULT_AGENT: Final = "main"
"""Who asks when the caller names nobody. Source: OpenClaw's default agent."""

EXACT_PREFIX: Final = "sha256:cwd-argv:v1:"
"""Starts the argument pattern of a rule made by `allow-always`: it stands for one exact command line."""

COMMAND_MARK: Final = "=node-command:"
"""Starts a rule that allows nothing: OpenClaw's gateway reads from it that a command was allowed for good."""

AgentName = Annotated[str, Meta(min_length=1, max_length=128)]
Milliseconds = Annotated[int, Meta(ge=0)]


class AllowEntry(Wire):
    """One rule of an allow-list, with what is remembered about it."""

    pattern: Annotated[str, Meta(min_length=1, max_length=4096)]
    """Path of the program with `*`, `?`, `**`, `~` for the owner's home; or a bare name, found on `PATH`."""
    arg_pattern: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """Regular expression searched in the arguments, joined by spaces; or an exact command line's hash."""
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    source: Literal["allow-always"] | None = None
    last_used_at: Milliseconds | None = None
    last_resolved_path: Annotated[str, Meta(max_length=4096)] | None = None

    def __post_init__(self) -> None:
        """Refuse a regular expression that is none."""
        if self.arg_pattern is not None and not self.arg_pattern.startswith("sha256:"):
            try:
                re.compile(self.arg_pattern)
            except re.error as error:
                raise ValueError(f"argPattern is no regular expression: {error}") from error

    @property
    def is_mark(self) -> bool:
        """Whether it only marks something and matches no program."""
        return self.pattern.startswith("=")


class Knobs(Wire):
    """What can be said for all agents or for one; what is absent is decided further up."""

    security: Security | None = None
    ask: Ask | None = None
    ask_fallback: Security | None = None
    auto_allow_skills: bool | None = None


class AgentRules(Knobs):
    """The rules of one agent."""

    allowlist: Annotated[list[AllowEntry], Meta(max_length=MAX_RULES)] = msgspec.field(
        default_factory=list[AllowEntry]
    )


class ExecRules(Wire, omit_defaults=False):
    """The whole file. OpenClaw's tools expect both tables to be there, also empty."""

    version: Literal[1]
    defaults: Knobs = msgspec.field(default_factory=Knobs)
    agents: Annotated[dict[AgentName, AgentRules], Meta(max_length=MAX_AGENTS)] = msgspec.field(
        default_factory=dict[AgentName, AgentRules]
    )


SAFE: Final = Knobs(security="allowlist", ask="on-miss", ask_fallback="deny", auto_allow_skills=False)
"""Without a word from the owner: what is not on the list needs a person's yes. OpenClaw's own default is to
run everything; a lent machine should not.
"""


class Rules(msgspec.Struct, frozen=True):
    """What holds for one agent."""

    security: Security
    ask: Ask
    ask_fallback: Security
    auto_allow_skills: bool
    allowlist: tuple[AllowEntry, ...]

    def snapshot(self) -> PolicySnapshot:
        """As a plan carries it: without bookkeeping and marks."""
        listed = [
            AllowRule(pattern=entry.pattern, arg_pattern=entry.arg_pattern)
            for entry in self.allowlist
            if not entry.is_mark
        ]
        return PolicySnapshot(
            security=self.security,
            ask=self.ask,
            ask_fallback=self.ask_fallback,
            auto_allow_skills=self.auto_allow_skills,
            allowlist_rules=listed,
        )


def rules_for(document: ExecRules, agent_id: str | None) -> Rules:
    """The agent's own section before the one of `*`, before the defaults, before the safe ones."""
    everyone = document.agents.get(EVERY_AGENT, AgentRules())
    own = document.agents.get(agent_id or DEFAULT_AGENT, AgentRules())
    levels = (own, everyone, document.defaults, SAFE)
    shared = [] if own is everyone else everyone.allowlist
    return Rules(
        security=next(level.security for level in levels if level.security is not None),
        ask=next(level.ask for level in levels if level.ask is not None),
        ask_fallback=next(level.ask_fallback for level in levels if level.ask_fallback is not None),
        auto_allow_skills=next(
            level.auto_allow_skills for level in levels if level.auto_allow_skills is not None
        ),
        allowlist=(*own.allowlist, *shared),
    )


class RulesMalformed(Exception):
    """The text is no rules document; the message names the field."""


def parse_rules(data: bytes) -> ExecRules:
    """The rules in a JSON text.

    Raises:
        RulesMalformed: naming the field.
    """
    try:
        return msgspec.json.decode(data, type=ExecRules)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        # For instance "`$.agents[...].ask`", or "`key` in `$.agents`".
        raise RulesMalformed(f"{place.rpartition('$')[2].strip('.`')}: {what}".lstrip(": ")) from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RulesMalformed(f"no JSON: {error}") from error


def render_rules(document: ExecRules) -> bytes:
    """The same as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
