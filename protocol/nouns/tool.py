"""Tools agents may use.

Source: OpenClaw 2026.9.6 `ToolsCatalogResult` and `ToolsEffectiveResult`.
"""

from typing import Literal

from protocol.method import Wire

ToolProfile = Literal["minimal", "coding", "messaging", "full"]
ToolSource = Literal["core", "plugin", "channel", "mcp"]
Risk = Literal["low", "medium", "high"]


class ProfileChoice(Wire):
    """A named selection of tools."""

    id: ToolProfile
    label: str


class CatalogTool(Wire):
    """A tool that exists."""

    id: str
    label: str
    description: str
    source: Literal["core", "plugin"]
    risk: Risk | None = None
    default_profiles: list[ToolProfile]


class CatalogGroup(Wire):
    """Tools that belong together."""

    id: str
    label: str
    source: Literal["core", "plugin"]
    tools: list[CatalogTool]


class EffectiveTool(Wire):
    """A tool an agent can use in a session."""

    id: str
    label: str
    description: str
    raw_description: str
    source: ToolSource
    risk: Risk | None = None
    mcp_server: str | None = None


class EffectiveGroup(Wire):
    """Usable tools by where they come from."""

    id: ToolSource
    label: str
    source: ToolSource
    tools: list[EffectiveTool]


class ToolNotice(Wire):
    """Something a person should know about the tools of an agent."""

    id: str
    severity: Literal["info", "warning"]
    message: str


class ToolError(Wire):
    """Why a tool did not run or failed."""

    code: str
    message: str
