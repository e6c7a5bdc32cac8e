"""The configuration in force, and every way to change it."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar, cast

import msgspec

from gateway.kernel.config.check import Checker, Values
from gateway.kernel.config.document import edit
from gateway.kernel.config.files import Stamp, ensure_key, text_hash, write_private
from gateway.kernel.config.loading import SOURCE_NAMES, Candidate, Loader, Source, StartRefused
from gateway.kernel.config.overrides import Overrides
from gateway.kernel.config.redaction import Redactor
from gateway.kernel.config.settings import ConfigIssue, Settings
from gateway.kernel.config.tree import Tree, as_array, as_table, changed_paths
from gateway.kernel.health import HealthBoard
from gateway.kernel.home import Home
from gateway.kernel.secret import Secret, SecretResolver, encode_secret
from protocol.errors import Conflict, InvalidRequest, Unavailable

S = TypeVar("S", bound=Settings)

HASH_KEY_FILE: Final = "config-hash.key"

__all__ = ["Applied", "ConfigStore", "StartRefused"]

logger = logging.getLogger(__name__)


class Applied(msgspec.Struct, frozen=True):
    """What a change of the configuration did."""

    changed: tuple[str, ...]
    """Dotted paths whose value differs now; empty when only comments, or a referred-to secret, did."""
    restart: tuple[str, ...]
    """Settings read only at start that now differ from what the gateway runs with."""
    hash: str
    """Of the file as it is now."""


class ConfigStore:
    """Typed settings for features; the file, its faults and its edits for the configuration methods.

    One task at a time reads or writes the file. `get` never waits and touches no disk.
    """

    def __init__(
        self, home: Home, kinds: Iterable[type[Settings]], overrides: Overrides, env: Mapping[str, str]
    ) -> None:
        checker = Checker(kinds, SecretResolver(home.root, env))
        self.home = home
        self.kinds = checker.kinds
        """Settings struct by section."""
        self.redactor = Redactor(checker.kinds)
        self._loader = Loader(home, checker, overrides, env)
        self._hash_key = ensure_key(home.keys_dir / HASH_KEY_FILE)
        self._stamp = Stamp.of(home.config_path)
        self._seen = self._stamp
        booted, self._text = self._loader.boot()
        self.source: Source = booted.source
        """Where the settings in force came from."""
        self.issues: tuple[ConfigIssue, ...] = tuple(booted.issues)
        """Faults of the file as it is on disk; while there are any, older settings stay in force."""
        self._tree = booted.tree
        self._applied_tree = booted.tree
        self._values: Values = booted.values
        self._boot_values: Values = booted.values
        self._watchers: dict[str, list[Callable[[Settings, Settings], None]]] = {}
        self._listeners: list[Callable[[Applied], None]] = []
        self._stuck: set[str] = set()
        """Sections with a change that a running feature failed to take over."""
        self._health: HealthBoard | None = None
        self._lock = asyncio.Lock()

    @classmethod
    def boot(
        cls,
        home: Home,
        kinds: Iterable[type[Settings]],
        overrides: Overrides | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> "ConfigStore":
        """Read the configuration of a prepared home.

        A file with faults is no obstacle: the last good one is used, else the sections without faults, and
        `issues` and `source` say so.

        Raises:
            StartRefused: when what is left would open the gateway to strangers, such as a placeholder for a
            token. OSError: when the home cannot be written.
        """
        return cls(home, kinds, overrides or Overrides(), env)

    def get(self, kind: type[S]) -> S:
        """The settings of one section as they are now."""
        return cast("S", self._values[kind.section])

    def watch(self, kind: type[S], callback: Callable[[S, S], None]) -> None:
        """Call `callback(old, new)` whenever a value in the section has changed."""
        watchers = self._watchers.setdefault(kind.section, [])
        watchers.append(cast("Callable[[Settings, Settings], None]", callback))

    def on_applied(self, listener: Callable[[Applied], None]) -> None:
        """Call `listener` after the file changed, whether it was accepted or its faults became known."""
        self._listeners.append(listener)

    def report_to(self, health: HealthBoard) -> None:
        """Keep the part `config` of `health` up to date from now on."""
        self._health = health
        self._report()

    @property
    def hash(self) -> str:
        """Fingerprint of the file's text; changes with every edit, also of a comment."""
        return text_hash(self._hash_key, self._text)

    @property
    def revision(self) -> str:
        """Fingerprint of what the accepted file sets, whatever its layout and comments."""
        return text_hash(self._hash_key, msgspec.json.encode(self._tree, order="sorted").decode())

    @property
    def applied_revision(self) -> str:
        """`revision` of what the gateway runs with; older while a change waits for a restart."""
        return text_hash(self._hash_key, msgspec.json.encode(self._applied_tree, order="sorted").decode())

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self._text is not None

    @property
    def tree(self) -> Tree:
        """The accepted file, without defaults and flags, literal secrets redacted."""
        return self.redactor.redact(self._tree)

    @property
    def effective(self) -> Tree:
        """The accepted file with environment, flags and defaults filled in, literal secrets redacted."""
        tree = cast("Tree", msgspec.to_builtins(self._values, enc_hook=encode_secret))
        return self.redactor.redact(tree)

    def secret_texts(self) -> set[str]:
        """Every secret in force, as text: for masking only."""
        return {secret.reveal() for _, secret in _secrets(self._values, "") if secret.available}

    def missing_secrets(self) -> list[str]:
        """Paths of settings that refer to a secret that is not there, with the reason."""
        return [f"{path}: {secret.problem}" for path, secret in _secrets(self._values, "") if secret.problem]

    @property
    def pending_restart(self) -> tuple[str, ...]:
        """Settings whose accepted value differs from what the gateway runs with, by path or section."""
        late = (
            f"{name}.{field}"
            for name, settings in self._values.items()
            for field in sorted(settings.restart)
            if getattr(settings, field) != getattr(self._boot_values[name], field)
        )
        return (*late, *sorted(self._stuck))

    def check(self, tree: Mapping[str, object]) -> list[ConfigIssue]:
        """Every fault `tree` would have as the file of this gateway; markers stand for the stored secrets."""
        restored, issues = self.redactor.restore(tree, self._tree)
        return issues or list(self._loader.examine("file", restored).issues)

    async def reload(self) -> Applied | None:
        """Read file and secrets again; None when the file has faults, which then are in `issues`."""
        async with self._lock:
            return await self._reload()

    async def poll(self) -> None:
        """Reload a file that changed and was left alone since the previous poll: editors save in steps."""
        stamp = Stamp.of(self.home.config_path)
        settled = stamp == self._seen
        self._seen = stamp
        if settled and stamp != self._stamp:
            await self.reload()

    async def replace(self, tree: Mapping[str, object], base_hash: str | None) -> Applied:
        """Make `tree` the whole configuration; markers in it stand for the secrets stored at their place.

        Raises:
            Conflict: when the file is no longer the one `base_hash` names.
            InvalidRequest: with every fault; nothing was written then.
            Unavailable: when the disk refuses.
        """
        return await self.change(lambda _: dict(tree), base_hash)

    async def change(self, edit_tree: Callable[[Tree], Tree], base_hash: str | None) -> Applied:
        """Like `replace` with `edit_tree(current redacted tree)`; nothing else changes the file in between.

        Raises:
            Conflict: when the file is no longer the one `base_hash` names.
            InvalidRequest: with every fault; nothing was written then.
            Unavailable: when the disk refuses.
        """
        async with self._lock:
            if Stamp.of(self.home.config_path) != self._stamp:
                await self._reload()
            self._guard(base_hash)
            restored, issues = self.redactor.restore(edit_tree(self.tree), self._tree)
            candidate = self._loader.examine("file", restored)
            found = issues or candidate.issues or self._loader.examine_alone(restored)
            if found:
                raise invalid_config(found)
            return await self._write(candidate)

    def _guard(self, base_hash: str | None) -> None:
        if base_hash is None and self.exists:
            raise InvalidRequest(
                "baseHash is missing: read the configuration with config.get first", {"field": "baseHash"}
            )
        if base_hash is not None and base_hash != self.hash:
            raise Conflict("the configuration changed since it was read; read it again and repeat the change")

    async def _write(self, candidate: Candidate) -> Applied:
        old_text = self._text or ""
        text = await asyncio.to_thread(edit, old_text, candidate.tree)
        if text != self._text and (text or self._text):
            try:
                if self.issues and self._text:
                    await asyncio.to_thread(write_private, self.home.rejected_path, self._text)
                await asyncio.to_thread(write_private, self.home.config_path, text)
            except OSError as error:
                raise Unavailable(
                    f"{self.home.config_path.name} cannot be written: {error.strerror}"
                ) from error
            self._text = text
            self._seen = self._stamp = Stamp.of(self.home.config_path)
        return await self._accept(candidate)

    async def _reload(self) -> Applied | None:
        stamp = Stamp.of(self.home.config_path)
        candidate, text = await asyncio.to_thread(self._loader.read)
        self._seen = self._stamp = stamp
        self._text = text
        if not candidate.issues:
            return await self._accept(candidate)
        if tuple(candidate.issues) != self.issues:
            self.issues = tuple(candidate.issues)
            logger.warning("%s has faults and is not applied: %s", self.home.config_path.name, self._faults())
            self._announce(Applied((), self.pending_restart, self.hash))
        return None

    async def _accept(self, candidate: Candidate) -> Applied:
        changed = tuple(".".join(path) for path in changed_paths(self._tree, candidate.tree))
        old, self._values = self._values, candidate.values
        self._tree, self.issues, self.source = candidate.tree, (), "file"
        await asyncio.to_thread(self._loader.remember, self._text)
        for name, settings in self._values.items():
            if settings != old[name]:
                self._tell_watchers(name, old[name], settings)
        applied = Applied(changed, self.pending_restart, self.hash)
        if not applied.restart:
            self._applied_tree = self._tree
        self._announce(applied)
        return applied

    def _tell_watchers(self, name: str, old: Settings, new: Settings) -> None:
        for watcher in tuple(self._watchers.get(name, ())):
            try:
                watcher(old, new)
            except (
                Exception
            ):  # one feature that cannot take a change over must not keep the others from theirs
                self._stuck.add(name)
                logger.exception("a change of [%s] was not taken over; restart the gateway to apply it", name)

    def _announce(self, applied: Applied) -> None:
        self._report()
        for listener in tuple(self._listeners):
            listener(applied)

    def _report(self) -> None:
        if self._health is not None:
            self._health.report("config", not self.issues, self._faults())

    def _faults(self) -> str:
        """The faults in one line, with what the gateway does about them."""
        if not self.issues:
            return ""
        shown = "; ".join(str(issue) for issue in self.issues[:3])
        more = f" and {len(self.issues) - 3} more" if len(self.issues) > 3 else ""
        return f"{shown}{more} (running with {SOURCE_NAMES[self.source]})"


def invalid_config(issues: Sequence[ConfigIssue]) -> InvalidRequest:
    """The refusal of a configuration, naming every fault."""
    text = "; ".join(str(issue) for issue in issues)
    listed = [{"path": issue.path, "message": issue.message} for issue in issues]
    return InvalidRequest(f"invalid config: {text}", {"code": "CONFIG_INVALID", "issues": listed})


def _secrets(value: object, path: str) -> Iterator[tuple[str, Secret]]:
    """All secrets at any depth of settings, with their dotted paths."""
    table, array = as_table(value), as_array(value)
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name), f"{path}.{name}")
    elif table is not None:
        for name, item in table.items():
            yield from _secrets(item, f"{path}.{name}" if path else name)
    elif array is not None:
        for index, item in enumerate(array):
            yield from _secrets(item, f"{path}[{index}]")
