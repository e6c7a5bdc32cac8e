"""What a model is told before the conversation: the agent's prompt, its shaping files, its skills."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.agents.model import AgentProfile, Turn
from gateway.agents.skills import scan
from gateway.agents.workspace import Workspace
from protocol.errors import GatewayError
from protocol.methods.skills import SkillStatus

PROMPT_FILES: Final = ("SOUL.md", "AGENTS.md", "IDENTITY.md", "USER.md", "MEMORY.md")
"""The shaping files every turn reads, most binding first."""

MAX_FILE_CHARS: Final = 20_000
"""Of one file. Source: OpenClaw's default `bootstrapMaxChars`, docs/concepts/agent-workspace.md."""

MAX_FILES_CHARS: Final = 60_000
"""Of all files. Source: its `bootstrapTotalMaxChars`, the same page."""

_BASE: Final = (
    "You are {name}, an assistant that a person reaches through their own gateway, from phones, computers "
    "and chat channels. Answer in the person's language, briefly unless asked otherwise. Use your tools when "
    "they help, and never claim to have done what you have not done."
)


async def system_prompt(profile: AgentProfile, turn: Turn, managed_skills: Path) -> str:
    """The instructions for one turn."""
    files, skills = await asyncio.to_thread(_from_disk, profile.workspace, managed_skills)
    parts = [
        profile.system_prompt or _BASE.format(name=profile.name),
        *files,
        _skills_part(skills),
        turn.extra_system or "",
    ]
    return "\n\n".join(part for part in parts if part)


def _from_disk(workspace: Path, managed_skills: Path) -> tuple[list[str], list[SkillStatus]]:
    room = MAX_FILES_CHARS
    files: list[str] = []
    for name in PROMPT_FILES:
        text = _read(Workspace(workspace), name)[: min(room, MAX_FILE_CHARS)]
        if text:
            room -= len(text)
            files.append(f"# {name}\n{text}")
    return files, [skill for skill in scan(workspace, managed_skills) if skill.model_visible]


def _read(workspace: Workspace, name: str) -> str:
    try:
        content = workspace.read(name)
    except GatewayError:
        return (
            ""  # a link or something odd: an agent answers without it, `agents.files.get` says what is wrong
        )
    return content.data.decode(errors="replace").strip() if content is not None else ""


def _skills_part(skills: Sequence[SkillStatus]) -> str:
    if not skills:
        return ""
    lines = [f"- {skill.name}: {skill.description}" for skill in skills]
    head = "# Skills\nBefore a task one of these fits, read it with the tool skill_read:"
    return "\n".join([head, *lines])
