"""The file with the rules: read at each use, changed in one step, and only by whoever saw it as it is."""

import hashlib
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from device_node.exec_policy.document import (
    SAFE,
    AgentRules,
    AllowEntry,
    ExecRules,
    RulesMalformed,
    parse_rules,
    render_rules,
)
from device_node.files import private_dir, write_private

FILE_NAME: Final = "exec-approvals.json"

MAX_FILE_BYTES: Final = 1024 * 1024
"""Far more than all rules anyone would write."""

USE_NOTED_EVERY_MS: Final = 60_000
"""So often at most is a use written down: each write changes the hash that editors have to name."""


class RulesConflict(Exception):
    """The rules are no longer those the editor saw."""


class RulesUnreadable(Exception):
    """The rules cannot be relied on; nothing runs until their owner has put them right."""


class StoredRules(msgspec.Struct, frozen=True):
    """The rules as they are on disk."""

    document: ExecRules
    hash: str
    """SHA-256 of the file, hex."""
    exists: bool


class RulesStore:
    """Every method blocks for a moment; call it in a thread."""

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        self.path = folder / FILE_NAME
        self._now_ms = now_ms
        self._lock = Lock()

    def load(self) -> StoredRules:
        """The rules; the safe ones when there is no file.

        Raises:
            RulesUnreadable: when they cannot be read, others may write them, or a field is wrong.
        """
        try:
            data = self._read()
        except FileNotFoundError:
            data = render_rules(ExecRules(version=1, defaults=SAFE))
            return StoredRules(parse_rules(data), _hash(data), exists=False)
        except OSError as error:
            raise RulesUnreadable(f"{self.path} cannot be read: {error.strerror}") from error
        try:
            return StoredRules(parse_rules(data), _hash(data), exists=True)
        except RulesMalformed as error:
            raise RulesUnreadable(f"{self.path}: {error}") from error

    def replace(self, document: ExecRules, base_hash: str | None) -> StoredRules:
        """Write other rules, if the present ones are those with `base_hash`.

        Raises:
            RulesConflict: when they are not, or none is named although there are rules.
            RulesUnreadable: as `load`.
            OSError: when they cannot be written.
        """
        with self._lock:
            present = self.load()
            if present.exists and base_hash is None:
                raise RulesConflict("baseHash: name the hash of the present rules; get them and try again")
            if base_hash is not None and base_hash != present.hash:
                raise RulesConflict("baseHash: the rules have changed meanwhile; get them and try again")
            return self._write(document)

    def note_use(self, entry: AllowEntry, path: str) -> None:
        """Remember when a rule was last used, and for which program.

        Raises:
            RulesUnreadable, OSError: as `replace`.
        """
        now_ms = self._now_ms()
        recent = entry.last_used_at is not None and 0 <= now_ms - entry.last_used_at < USE_NOTED_EVERY_MS
        if recent and entry.last_resolved_path == path:
            return
        used = {"last_used_at": now_ms, "last_resolved_path": path}
        with self._lock:
            document = self.load().document
            for section in document.agents.values():
                section.allowlist = [
                    msgspec.structs.replace(rule, **used) if _same(rule, entry) else rule
                    for rule in section.allowlist
                ]
            self._write(document)

    def allow(self, agent_id: str, entries: list[AllowEntry]) -> None:
        """Add rules for an agent, each once.

        Raises:
            RulesUnreadable, OSError: as `replace`.
        """
        with self._lock:
            document = self.load().document
            section = document.agents.setdefault(agent_id, AgentRules())
            missing = [new for new in entries if not any(_same(new, rule) for rule in section.allowlist)]
            section.allowlist = [*section.allowlist, *missing]
            if missing:
                self._write(document)

    def _read(self) -> bytes:
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            about = os.fstat(handle)
            if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or about.st_uid not in {0, os.geteuid()}:
                raise RulesUnreadable(f"{self.path} can be written by others; run: chmod 600 {self.path}")
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise RulesUnreadable(f"{self.path} is larger than {MAX_FILE_BYTES} bytes")
        return data

    def _write(self, document: ExecRules) -> StoredRules:
        for section in document.agents.values():
            section.allowlist = [
                rule if rule.id else msgspec.structs.replace(rule, id=str(uuid.uuid4()))
                for rule in section.allowlist
            ]
        data = render_rules(document)
        private_dir(self.path.parent)
        write_private(self.path, data)
        return StoredRules(document, _hash(data), exists=True)


def _same(one: AllowEntry, other: AllowEntry) -> bool:
    return one.pattern == other.pattern and one.arg_pattern == other.arg_pattern


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
