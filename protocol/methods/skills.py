"""Skills: folders with a `SKILL.md` that tell an agent how to do something.

Source: OpenClaw docs/gateway/protocol/operator-methods.md (2026.9.6) and answers recorded from it.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Role, Scope


class SkillNeeds(Wire):
    """What a skill needs of the machine."""

    bins: list[str]
    """Programs, all of them."""
    any_bins: list[str]
    """Programs, one of them."""
    env: list[str]
    config: list[str]
    os: list[str]
    """Platforms it works on, such as `linux`; empty: all."""


class SkillStatus(Wire):
    """One skill and whether it can be used."""

    name: str
    description: str
    source: Literal["homarus-workspace", "homarus-managed"]
    bundled: bool
    file_path: str
    base_dir: str
    skill_key: str
    emoji: str | None = None
    homepage: str | None = None
    always: bool
    disabled: bool
    blocked_by_allowlist: bool
    blocked_by_agent_filter: bool
    eligible: bool
    platform_incompatible: bool
    model_visible: bool
    user_invocable: bool
    command_visible: bool
    requirements: SkillNeeds
    missing: SkillNeeds
    config_checks: list[str]
    install: list[str]


class SkillsStatusResult(Wire):
    """The skills an agent finds, its own before the shared ones."""

    workspace_dir: str
    managed_skills_dir: str
    agent_id: str
    skills: list[SkillStatus]


@method("skills.status", Scope.READ)
class SkillsStatus(Call[SkillsStatusResult]):
    """List the skills of an agent and what they lack."""

    agent_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None


class SkillsBinsResult(Wire):
    """Programs, each once, sorted."""

    bins: list[str]


@method("skills.bins", None, roles=frozenset({Role.NODE}))
class SkillsBins(Call[SkillsBinsResult]):
    """The programs skills name, so that a node can say which of them it has."""
