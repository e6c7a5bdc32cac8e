"""The tool registry as clients list it."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.agents.tools import Tool
from protocol.nouns.tool import CatalogGroup, CatalogTool, EffectiveGroup, EffectiveTool, ProfileChoice

GROUP_LABELS: Final = {"core": "General", "gateway": "Gateway", "memory": "Memory", "canvas": "Canvas"}
"""Names of the groups of our own tools; another group is shown under its id."""


def profile_choices() -> list[ProfileChoice]:
    """The selections of tools there are: all, or the ones an agent's configuration lists."""
    return [ProfileChoice(id="minimal", label="Listed"), ProfileChoice(id="full", label="All")]


def catalog_groups(tools: Sequence[Tool[Any]]) -> list[CatalogGroup]:
    """All tools by group."""
    groups: dict[str, list[CatalogTool]] = {}
    for tool in tools:
        groups.setdefault(tool.group, []).append(
            CatalogTool(
                id=tool.name,
                label=tool.title,
                description=tool.description,
                source="core",
                risk=tool.risk,
                default_profiles=["full"],
            )
        )
    return [
        CatalogGroup(id=group, label=GROUP_LABELS.get(group, group), source="core", tools=rows)
        for group, rows in groups.items()
    ]


def effective_groups(tools: Sequence[Tool[Any]]) -> list[EffectiveGroup]:
    """Usable tools; a group only when there are any."""
    if not tools:
        return []
    rows = [
        EffectiveTool(
            id=tool.name,
            label=tool.title,
            description=tool.description,
            raw_description=tool.description,
            source="core",
            risk=tool.risk,
        )
        for tool in tools
    ]
    return [EffectiveGroup(id="core", label="Built-in tools", source="core", tools=rows)]
