"""From a parsed file to settings, with every fault named by its path.

`msgspec` stops at the first fault and calls table keys `[...]`; a person who edits a file wants every
fault, by name.
"""

import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
import msgspec.structs

from gateway.kernel.config.settings import ConfigIssue, Settings
from gateway.kernel.config.tree import Tree, as_array, as_table
from gateway.kernel.secret import Secret, SecretResolver

Values: TypeAlias = dict[str, Settings]
"""Settings by section."""

_WORDS: Final = {
    "`int`": "integer",
    "`str`": "string",
    "`float`": "number",
    "`bool`": "bool",
    "`array`": "array",
    "`object`": "table",
    "`null`": "null",
}
"""Names of types as the TOML specification spells them, near enough for people."""


class Checker:
    """Knows all sections; turns a tree into settings or issues."""

    def __init__(self, kinds: Iterable[type[Settings]], resolver: SecretResolver) -> None:
        self.kinds: Final[dict[str, type[Settings]]] = {kind.section: kind for kind in kinds}
        self._resolver = resolver

    def check(self, tree: Mapping[str, object]) -> tuple[Values, list[ConfigIssue]]:
        """Settings of every section without faults, and all faults of the others."""
        issues = list(_unknown(tree, self.kinds, ""))
        values: Values = {}
        for name, kind in self.kinds.items():
            table = tree.get(name, {})
            found = list(self._faults(table, kind, name))
            if not found:
                settings, found = self._convert(table, kind)
                if settings is not None:
                    values[name] = settings
            issues += found
        return values, issues

    def faults(self, tree: Mapping[str, object]) -> list[ConfigIssue]:
        """Unknown keys and wrong types in `tree`, also where something else will take the value's place."""
        found = list(_unknown(tree, self.kinds, ""))
        for name, kind in self.kinds.items():
            if name in tree:
                found += self._faults(tree[name], kind, name)
        return found

    def _convert(self, table: object, kind: type[Settings]) -> tuple[Settings | None, list[ConfigIssue]]:
        try:
            settings = msgspec.convert(table, kind, dec_hook=self._decode)
        except msgspec.ValidationError as error:
            return None, [ConfigIssue(kind.section, _plain(str(error)))]
        problems = list(settings.problems())
        return (None if problems else settings), problems

    def _faults(self, value: object, kind: Any, path: str) -> Iterator[ConfigIssue]:
        """Faults at and below `path`, descending where names would otherwise be lost."""
        found = list(self._inner_faults(value, meaning(kind), path))
        if not found:
            message = self._fault(value, kind)
            if message:
                found.append(ConfigIssue(path, message))
        yield from found

    def _inner_faults(self, value: object, kind: Any, path: str) -> Iterator[ConfigIssue]:
        table, array = as_table(value), as_array(value)
        if table is not None:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield from self._struct_faults(table, kind, path)
            elif get_origin(kind) is dict:
                for key, item in table.items():
                    yield from self._faults(item, get_args(kind)[1], f"{path}.{key}")
        elif array is not None and get_origin(kind) in {list, tuple}:
            for index, item in enumerate(array):
                yield from self._faults(item, get_args(kind)[0], f"{path}[{index}]")

    def _struct_faults(self, table: Tree, kind: type[msgspec.Struct], path: str) -> Iterator[ConfigIssue]:
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        yield from _unknown(table, fields, f"{path}.")
        for name, inner in fields.items():
            if name in table:
                yield from self._faults(table[name], inner, f"{path}.{name}")

    def _fault(self, value: object, kind: Any) -> str:
        try:
            msgspec.convert(value, kind, dec_hook=self._decode)
        except msgspec.ValidationError as error:
            choices = get_args(meaning(kind)) if get_origin(meaning(kind)) is Literal else ()
            if choices:
                return "expected one of " + ", ".join(f'"{choice}"' for choice in choices)
            return _plain(str(error))
        return ""

    def _decode(self, kind: type, value: object) -> object:
        if kind is Secret:
            return self._resolver.resolve(value)
        raise NotImplementedError(f"settings cannot hold {kind.__name__}")


def _unknown(table: Mapping[str, object], known: Iterable[str], prefix: str) -> Iterator[ConfigIssue]:
    names = list(known)
    for key in table:
        if key not in names:
            import difflib  # only a faulty file needs it

            near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(names) or 'nothing'}"
            yield ConfigIssue(f"{prefix}{key}", f"unknown key{hint}")


def meaning(kind: Any) -> Any:
    """The type behind `Annotated` and `| None`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, types.UnionType}:
        rest = [member for member in get_args(kind) if member is not type(None)]
        if len(rest) == 1:
            return meaning(rest[0])
    return kind


def _plain(message: str) -> str:
    """A `msgspec` message in the words of the file, without its own path."""
    text = re.sub(r" - at `[^`]*`$", "", message)
    for code, word in _WORDS.items():
        text = text.replace(code, word)
    return text[:1].lower() + text[1:]
