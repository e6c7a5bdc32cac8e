"""Tools agents may use, listed and tried out.

Source: OpenClaw 2026.9.6, published schema.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.tool import CatalogGroup, EffectiveGroup, ProfileChoice, ToolError, ToolNotice
from protocol.scopes import Scope

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Key = Annotated[str, Meta(min_length=1, max_length=512)]


class ToolsCatalogResult(Wire):
    """Every tool that exists here."""

    agent_id: str
    profiles: list[ProfileChoice]
    groups: list[CatalogGroup]


@method("tools.catalog", Scope.READ)
class ToolsCatalog(Call[ToolsCatalogResult]):
    """List the tools an agent could be given."""

    agent_id: Name | None = None
    include_plugins: bool = False


class ToolsEffectiveResult(Wire):
    """The tools an agent can use."""

    agent_id: str
    profile: str
    groups: list[EffectiveGroup]
    notices: list[ToolNotice] | None = None


@method("tools.effective", Scope.READ)
class ToolsEffective(Call[ToolsEffectiveResult]):
    """List the tools the agent of a session can use."""

    session_key: Key
    agent_id: Name | None = None


class ToolsInvokeResult(Wire):
    """What the tool gave; a tool that fails is an answer with `ok` false, not a failed request."""

    ok: bool
    tool_name: str
    output: str | None = None
    source: str | None = None
    error: ToolError | None = None


@method("tools.invoke", Scope.WRITE)
class ToolsInvoke(Call[ToolsInvokeResult]):
    """Run a tool as the caller, as an agent would. A tool may ask for more scopes than this method."""

    name: Name
    args: dict[str, msgspec.Raw] | None = None
    session_key: Key | None = None
    agent_id: Name | None = None
    confirm: bool = False
    idempotency_key: Name | None = None
