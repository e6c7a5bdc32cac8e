"""The tool that reads a skill to the model."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.agents.service import Agents
from gateway.agents.skills import read_skill, scan
from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from protocol.scopes import Scope


class SkillArgs(msgspec.Struct):
    """Which skill."""

    name: Annotated[str, Meta(description="Name of the skill, as listed.", min_length=1, max_length=128)]


def add_skill_tools(registry: ToolRegistry, agents: Agents, managed: Path) -> None:
    """Let agents read their skills."""

    async def read(context: ToolContext, args: SkillArgs) -> str:
        workspace = agents.resolve(context.agent_id).workspace
        return await asyncio.to_thread(lambda: read_skill(scan(workspace, managed), args.name))

    registry.add(
        Tool(
            name="skill_read",
            title="Read skill",
            description="The instructions of one of your skills.",
            params=SkillArgs,
            run=read,
            needs=Scope.READ,
        )
    )
