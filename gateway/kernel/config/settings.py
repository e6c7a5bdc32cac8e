"""What a feature's settings look like: one frozen struct, every field with a default.

    class CronSettings(Settings):
        section: ClassVar[str] = "cron"
        enabled: bool = True

In `homarus.toml` that is `[cron]` with `enabled = true`; names are the attributes' own.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

import msgspec

S = TypeVar("S", bound="Settings")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class _SettingsMeta(msgspec.StructMeta):
    """Makes every settings struct frozen, keyword-only and strict without each saying so."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "_SettingsMeta":
        options = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True, **options}
        return cast("_SettingsMeta", super().__new__(mcls, name, bases, namespace, **options))


class SettingsPart(msgspec.Struct, metaclass=_SettingsMeta):
    """A table inside a section."""


class Settings(SettingsPart):
    """One section of `homarus.toml`. Subclasses set `section`; every field has a default."""

    section: ClassVar[str]

    restart: ClassVar[frozenset[str]] = frozenset()
    """Fields read only at start: a change of theirs is kept and reported as waiting for a restart."""

    def problems(self) -> "Iterable[ConfigIssue]":
        """What types cannot say, such as two fields that contradict each other; paths include the section."""
        return ()


class ConfigIssue(msgspec.Struct, frozen=True):
    """One thing that is wrong with a configuration."""

    path: str
    """Dotted path such as `cron.enabled`; empty for the file as a whole."""
    message: str
    """Plain words, without the path."""
    unsafe: bool = False
    """The text was understood and would open the gateway to strangers: not something to boot around."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message
