"""Reading and changing the gateway's configuration.

The document travels as JSON; on disk it is TOML. `raw` going out is pretty JSON of what the file sets;
`raw` coming in may be JSON or TOML. Literal secrets are shown as `__OPENCLAW_REDACTED__`; sent back, that
stands for the stored secret.

Source: shapes as observed from OpenClaw 2026.9.6 and its docs/gateway/configuration/config-rpc.md.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Scope

Document = Annotated[str, Meta(min_length=1, max_length=1024 * 1024)]
Hash = Annotated[str, Meta(min_length=1, max_length=256)]

ReloadKind = Literal["restart", "hot", "none"]
"""What a change takes: a restart of the gateway, or nothing."""


class ConfigFault(Wire):
    """One thing that is wrong with the file."""

    path: str
    """Dotted path such as `cron.enabled`; empty for the file as a whole."""
    message: str


class ConfigSnapshot(Wire):
    """The configuration as it is on disk and in force."""

    path: str
    exists: bool
    raw: str
    """What the accepted file sets, as JSON text."""
    parsed: dict[str, object]
    """The same as a tree."""
    source_config: dict[str, object]
    resolved: dict[str, object]
    valid: bool
    """False while the file on disk has faults and older settings stay in force."""
    runtime_config: dict[str, object]
    """What the gateway runs with: defaults, environment and flags included."""
    config: dict[str, object]
    hash: str
    """Of the file's text; give it back as `baseHash`."""
    issues: list[ConfigFault]
    warnings: list[ConfigFault]
    legacy_issues: list[ConfigFault]
    included_paths: list[str]
    config_revision_hash: str
    """Of what the file says."""
    applied_config_hash: str
    """Of what the gateway runs with; the two differ while a change waits for a restart."""
    source: Literal["file", "last-good", "defaults"]
    """Homarus only: where the settings in force came from."""
    pending_restart: list[str]
    """Homarus only: settings whose change waits for a restart."""


@method("config.get", Scope.READ)
class ConfigGet(Call[ConfigSnapshot]):
    """Read the configuration, literal secrets redacted."""


class ConfigWritten(Wire):
    """A configuration that was accepted and is in force."""

    ok: bool
    path: str
    hash: str
    config: dict[str, object]
    """What the file sets now."""
    changed_paths: list[str]
    """Dotted paths whose value differs; empty when nothing did."""
    restart_required: list[str]
    """Settings whose change waits for a restart."""


@method("config.set", Scope.ADMIN)
class ConfigSet(Call[ConfigWritten]):
    """Replace the whole configuration.

    Errors: ``CONFLICT`` when the file changed since `baseHash`; ``CONFIG_INVALID`` with every fault.
    """

    raw: Document
    base_hash: Hash | None = None
    """Required once there is a file."""


@method("config.apply", Scope.ADMIN)
class ConfigApply(Call[ConfigWritten]):
    """Replace the whole configuration; here the same as `config.set`, which applies at once, too.

    Errors: ``CONFLICT`` when the file changed since `baseHash`; ``CONFIG_INVALID`` with every fault.
    """

    raw: Document
    base_hash: Hash | None = None
    note: Annotated[str, Meta(max_length=4096)] | None = None
    """Why; goes into the log."""


@method("config.patch", Scope.ADMIN)
class ConfigPatch(Call[ConfigWritten]):
    """Merge a part into the configuration: tables merge, null removes, the rest replaces.

    Errors: ``CONFLICT`` when the file changed since `baseHash`; ``CONFIG_INVALID`` with every fault;
    ``REPLACE_PATH_REQUIRED`` when an array would lose entries that `replacePaths` does not name.
    """

    raw: Document
    base_hash: Hash | None = None
    note: Annotated[str, Meta(max_length=4096)] | None = None
    """Why; goes into the log."""
    replace_paths: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(max_length=256)] = ()
    """Arrays that may lose entries, by exact path."""


class ConfigHint(Wire):
    """How a form shows one setting."""

    label: str | None = None
    help: str | None = None
    group: str | None = None
    order: int | None = None
    sensitive: bool | None = None


class ConfigSchemaDocument(Wire):
    """What may stand in the configuration."""

    schema: dict[str, object]
    """JSON Schema, draft 7."""
    ui_hints: dict[str, ConfigHint]
    """By dotted path; `*` stands for any entry of a table or array."""
    version: str
    generated_at: str


@method("config.schema", Scope.READ)
class ConfigSchema(Call[ConfigSchemaDocument]):
    """Read the schema of the whole configuration."""


class ConfigSchemaChild(Wire):
    """One setting below the asked-for path."""

    key: str
    path: str
    required: bool
    has_children: bool
    type: str | list[str] | None = None
    reload_kind: ReloadKind | None = None
    hint: ConfigHint | None = None
    hint_path: str | None = None


class ConfigSchemaNode(Wire):
    """The schema at one path."""

    path: str
    schema: dict[str, object]
    """Without what lies below; that is in `children`."""
    children: list[ConfigSchemaChild]
    reload_kind: ReloadKind | None = None
    hint: ConfigHint | None = None
    hint_path: str | None = None


@method("config.schema.lookup", Scope.READ)
class ConfigSchemaLookup(Call[ConfigSchemaNode]):
    """Read the schema at one path, such as `gateway.auth`.

    Errors: ``NOT_FOUND`` when no setting has that path.
    """

    path: Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[A-Za-z0-9_./\[\]\-*]+$")]
