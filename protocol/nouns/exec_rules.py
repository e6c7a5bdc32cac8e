"""Rules about programs: what runs without asking, for all agents or for one.

Source: `ExecApprovalsSnapshot` in OpenClaw's schema (2026.9.1) and docs/tools/exec-approvals.md (2026.9.6).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.commands.system import Ask, Security
from protocol.method import Wire

AgentName = Annotated[str, Meta(min_length=1, max_length=128)]


class ExecAllowEntry(Wire):
    """One program that may run without asking."""

    pattern: Annotated[str, Meta(min_length=1, max_length=4096)]
    """Path with `*` inside one folder and `**` across folders; or a bare name, as it is called."""
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    source: Literal["allow-always"] | None = None
    command_text: Annotated[str, Meta(max_length=65_536)] | None = None
    arg_pattern: Annotated[str, Meta(max_length=1024)] | None = None
    """Narrows the entry to some arguments."""
    last_used_at: Annotated[float, Meta(ge=0)] | None = None
    last_used_command: Annotated[str, Meta(max_length=65_536)] | None = None
    last_resolved_path: Annotated[str, Meta(max_length=4096)] | None = None


class ExecKnobs(Wire):
    """What can be said for all agents or for one; what is absent is decided further up."""

    security: Security | None = None
    ask: Ask | None = None
    ask_fallback: Security | None = None
    auto_allow_skills: bool | None = None


class ExecAgentRules(ExecKnobs):
    """The rules of one agent; those of `*` hold for all."""

    allowlist: Annotated[list[ExecAllowEntry], Meta(max_length=1000)] = msgspec.field(
        default_factory=list[ExecAllowEntry]
    )


class ExecRules(Wire, omit_defaults=False):
    """The whole file. OpenClaw's tools expect both tables to be there, also empty."""

    version: Literal[1]
    defaults: ExecKnobs = msgspec.field(default_factory=ExecKnobs)
    agents: Annotated[dict[AgentName, ExecAgentRules], Meta(max_length=256)] = msgspec.field(
        default_factory=dict[AgentName, ExecAgentRules]
    )
