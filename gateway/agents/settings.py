"""The section `agents` of the configuration: agents, the providers they talk to, and what they may spend.

    [agents.entries.main]
    model = { primary = "ollama/qwen3:4b", fallbacks = ["homarus/offline"] }

    [agents.providers.ollama]
    base_url = "http://127.0.0.1:11434/v1"

    [agents.budget]
    daily_usd = 2.0

Models are named `provider/model`, with a provider of this section or `homarus/offline`.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta, field

from gateway.agents.model import AgentId, RuntimeKind
from gateway.kernel.config.settings import ConfigIssue, Settings, SettingsPart
from gateway.kernel.secret import Secret

OFFLINE_PROVIDER: Final = "homarus"
OFFLINE_MODEL: Final = "homarus/offline"
"""The embedded assistant, named like a model so that it can be chosen and fallen back to like one."""

COMMAND_PROVIDER: Final = "command"
"""Provider part of the model name shown for an agent that is a program."""

ProviderKind = Literal["openai", "anthropic", "google"]
"""Which wire format: `openai` is also what Ollama, llama.cpp, vLLM and most others speak."""

ProviderId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
Dollars = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class ModelRefSettings(SettingsPart):
    """Which models answer, as `provider/model`."""

    primary: ModelName = OFFLINE_MODEL
    fallbacks: tuple[ModelName, ...] = ()
    """Tried in order when the one before cannot answer."""


class AgentEntry(SettingsPart):
    """One agent."""

    name: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    emoji: Annotated[str, Meta(max_length=32)] | None = None
    avatar: Annotated[str, Meta(max_length=2048)] | None = None
    runtime: RuntimeKind | None = None
    """None: `command` with an `argv`, `llm` with a model, else `offline`."""
    model: ModelRefSettings | None = None
    system_prompt: Annotated[str, Meta(max_length=32_000)] = ""
    workspace: str | None = None
    tools: tuple[str, ...] | None = None
    """Names or `prefix_*` of the tools it may use, `server__*` for those of `mcp`; absent: all."""
    mcp: tuple[str, ...] = ()
    """Which of `agents.mcp` it may use."""
    argv: tuple[str, ...] = ()
    """Program of a `command` agent; `{message}` stands for the message, which else comes on stdin."""
    env: dict[str, Secret] = field(default_factory=dict[str, Secret])
    """Variables added to the program's otherwise bare environment."""
    daily_usd: Dollars | None = None
    """What this agent may spend on a day, besides `agents.budget`."""


class Price(SettingsPart):
    """US dollars for a million tokens."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    """None: as `input`."""
    cache_write: Dollars | None = None
    """None: as `input`."""


class ModelEntry(SettingsPart):
    """What is known of a model."""

    name: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    context_tokens: Annotated[int, Meta(ge=1024)] = 128_000
    max_output_tokens: Annotated[int, Meta(ge=16)] = 4096
    reasoning: bool = False
    images: bool = False
    tools: bool = True
    """False for models that cannot call tools; none are offered to them then."""
    price: Price | None = None


class ProviderEntry(SettingsPart):
    """A service that runs models."""

    kind: ProviderKind = "openai"
    base_url: Annotated[str, Meta(pattern=r"^https?://")] | None = None
    """None: the vendor's own address."""
    api_key: Secret | None = None
    models: dict[ModelName, ModelEntry] = field(default_factory=dict[ModelName, ModelEntry])
    """Models to list; others of this provider can be used by name, with these defaults."""
    silence_s: Seconds = 60.0
    """How long the provider may say nothing before the request counts as timed out."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """Requests for one answer, while nothing of it has arrived."""
    free: bool | None = None
    """Whether calls cost nothing. None: free exactly when `base_url` is on this machine."""

    @property
    def is_free(self) -> bool:
        """Whether calls cost nothing."""
        return self.free if self.free is not None else self.is_local

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return self.base_url is not None and urlsplit(self.base_url).hostname in {
            "127.0.0.1",
            "::1",
            "localhost",
        }


class Budget(SettingsPart):
    """What all agents together may spend, in US dollars. None: no limit."""

    daily_usd: Dollars | None = None
    """In a calendar day, UTC."""
    monthly_usd: Dollars | None = None
    """In a calendar month, UTC."""


class McpServer(SettingsPart):
    """A server of tools that speaks the Model Context Protocol: a program or an address."""

    argv: tuple[str, ...] = ()
    env: dict[str, Secret] = field(default_factory=dict[str, Secret])
    url: Annotated[str, Meta(pattern=r"^https?://")] | None = None
    headers: dict[str, Secret] = field(default_factory=dict[str, Secret])
    timeout_s: Seconds = 30.0
    """For one call of one tool."""


class AgentsSettings(Settings):
    """The whole section."""

    section: ClassVar[str] = "agents"

    default: AgentId = "main"
    """Who answers when nobody is named. `main` always exists."""
    model: ModelRefSettings = ModelRefSettings()
    """For agents that name none."""
    entries: dict[AgentId, AgentEntry] = field(default_factory=dict[AgentId, AgentEntry])
    providers: dict[ProviderId, ProviderEntry] = field(default_factory=dict[ProviderId, ProviderEntry])
    mcp: dict[ProviderId, McpServer] = field(default_factory=dict[ProviderId, McpServer])
    budget: Budget = Budget()
    max_tool_rounds: Annotated[int, Meta(ge=1, le=200)] = 24
    """Model calls in one turn."""
    command_timeout_s: Seconds = 600.0
    """For one answer of a `command` agent."""
    command_max_bytes: Annotated[int, Meta(ge=1024)] = 4 * 1024 * 1024
    """Of its output; more ends it."""

    def problems(self) -> Iterable[ConfigIssue]:
        """References that lead nowhere."""
        yield from self._model_problems("agents.model", self.model)
        for agent_id, entry in self.entries.items():
            yield from self._entry_problems(f"agents.entries.{agent_id}", entry)
        for name, server in self.mcp.items():
            if bool(server.argv) == bool(server.url):
                yield ConfigIssue(f"agents.mcp.{name}", "needs either argv or url")

    def _entry_problems(self, path: str, entry: AgentEntry) -> Iterator[ConfigIssue]:
        if entry.runtime == "command" and not entry.argv:
            yield ConfigIssue(f"{path}.argv", "a command agent needs a program")
        if entry.argv and entry.runtime not in {None, "command"}:
            yield ConfigIssue(
                f"{path}.argv", f"only a command agent runs a program, this one is {entry.runtime}"
            )
        if entry.model is not None:
            yield from self._model_problems(f"{path}.model", entry.model)
        for index, name in enumerate(entry.mcp):
            if name not in self.mcp:
                yield ConfigIssue(f"{path}.mcp[{index}]", f"there is no agents.mcp.{name}")

    def _model_problems(self, path: str, wanted: ModelRefSettings) -> Iterator[ConfigIssue]:
        named = {f"{path}.primary": wanted.primary}
        named |= {f"{path}.fallbacks[{index}]": name for index, name in enumerate(wanted.fallbacks)}
        for place, name in named.items():
            problem = self.model_problem(name)
            if problem:
                yield ConfigIssue(place, problem)

    def model_problem(self, name: str) -> str:
        """Why a model of this name cannot be used, or empty."""
        provider, slash, model = name.partition("/")
        if not slash or not model:
            return f'write provider/model, such as "{OFFLINE_MODEL}"'
        if name == OFFLINE_MODEL or provider in self.providers:
            return ""
        return f'there is no provider "{provider}"; add [agents.providers.{provider}]'

    def model_entry(self, name: str) -> ModelEntry:
        """What is known of `provider/model`; defaults when it is not listed."""
        provider, _, model = name.partition("/")
        entry = self.providers.get(provider)
        return (entry.models.get(model) if entry is not None else None) or ModelEntry()


NO_ENTRY: Final = AgentEntry()
"""An agent nobody described."""
