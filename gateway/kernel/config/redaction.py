"""Secrets of a configuration on their way to and from a client.

Going out, literal secrets become the marker OpenClaw's clients know. Coming back, a marker stands for the
stored value at the same place, and nowhere else: it can never become a value itself.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast, get_args, get_origin

import msgspec
import msgspec.structs

from gateway.kernel.config.check import meaning
from gateway.kernel.config.settings import ConfigIssue, Settings
from gateway.kernel.config.tree import Tree, as_array, as_table
from gateway.kernel.secret import MARKER, Secret

_SECRET_NAME: Final = re.compile(r"(?i)(token|password|passwd|secret|api_?key|private_?key|credential)s?$")
"""Names treated as secret where no declared type says so, as in a section this version does not know."""


class Redactor:
    """Knows from the declared types where secrets are."""

    def __init__(self, kinds: Mapping[str, type[Settings]]) -> None:
        self._kinds = kinds

    def redact(self, tree: Mapping[str, object]) -> Tree:
        """A copy with every literal secret replaced by the marker; references stay, they are not secret."""
        return {name: self._redact(value, self._kinds.get(name), name) for name, value in tree.items()}

    def restore(
        self, tree: Mapping[str, object], stored: Mapping[str, object]
    ) -> tuple[Tree, list[ConfigIssue]]:
        """`tree` with each marker replaced by what `stored` has there; an issue for each without meaning."""
        issues: list[ConfigIssue] = []
        restored = self._restore(dict(tree), stored, self.redact(stored), "", issues)
        return cast("Tree", restored), issues

    def _redact(self, value: object, kind: Any, name: str) -> object:
        inner = meaning(kind)
        table, array = as_table(value), as_array(value)
        if table is not None:
            below = _member_types(inner)
            return {
                key: self._redact(item, below.get(key, below.get("*")), key) for key, item in table.items()
            }
        if array is not None:
            item_kind = get_args(inner)[0] if get_origin(inner) in {list, tuple} else inner
            return [self._redact(item, item_kind, name) for item in array]
        declared_secret = inner is Secret
        guessed_secret = inner is None and _SECRET_NAME.search(name) is not None
        return MARKER if isinstance(value, str) and value and (declared_secret or guessed_secret) else value

    def _restore(
        self, value: object, stored: object, shown: object, path: str, issues: list[ConfigIssue]
    ) -> object:
        """`shown` is `stored` as the client saw it."""
        table, array = as_table(value), as_array(value)
        if table is not None:
            old, seen = as_table(stored) or {}, as_table(shown) or {}
            return {
                key: self._restore(
                    item, old.get(key), seen.get(key), f"{path}.{key}" if path else key, issues
                )
                for key, item in table.items()
            }
        if array is not None:
            return self._restore_list(array, stored, shown, path, issues)
        if value == MARKER and shown == MARKER:
            return stored
        if isinstance(value, str) and MARKER in value:
            issues.append(
                ConfigIssue(path, "the redaction marker stands for no stored secret; enter the secret")
            )
        return value

    def _restore_list(
        self, value: list[object], stored: object, shown: object, path: str, issues: list[ConfigIssue]
    ) -> list[object]:
        """Elements may have moved, so one is found again by how it was shown, which must be unambiguous."""
        old, seen = as_array(stored) or [], as_array(shown) or []
        if value == seen:
            return list(old)
        result: list[object] = []
        for index, item in enumerate(value):
            same = [place for place, was in enumerate(seen) if was == item]
            match = old[same[0]] if len(same) == 1 else None
            result.append(
                self._restore(item, match, item if match is not None else None, f"{path}[{index}]", issues)
            )
        return result


def _member_types(kind: Any) -> dict[str, Any]:
    """Types of a table's members by name; `*` for any other name."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    if get_origin(kind) is dict:
        return {"*": get_args(kind)[1]}
    return {}
