"""Configuration trees: reading, changing and comparing them by path."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, cast

Tree: TypeAlias = dict[str, object]
"""A parsed configuration: tables are dicts, the rest is what TOML and JSON have in common."""

Path: TypeAlias = tuple[str, ...]


def as_table(value: object) -> Tree | None:
    """`value` when it is a table."""
    return cast("Tree", value) if isinstance(value, dict) else None


def as_array(value: object) -> list[object] | None:
    """`value` when it is an array, as a list; settings hold theirs as tuples."""
    return list(cast("list[object]", value)) if isinstance(value, list | tuple) else None


def lookup(tree: Mapping[str, object], path: Sequence[str]) -> object | None:
    """The value at `path`, or None when there is none."""
    if not path:
        return dict(tree)
    below = tree.get(path[0])
    table = as_table(below)
    if len(path) > 1:
        return None if table is None else lookup(table, path[1:])
    return below


def with_value(tree: Mapping[str, object], path: Sequence[str], value: object) -> Tree:
    """A copy of `tree` with `value` at `path`; what stood in the way is replaced."""
    if len(path) > 1:
        value = with_value(as_table(tree.get(path[0])) or {}, path[1:], value)
    return {**tree, path[0]: value}


def merge_patch(tree: Mapping[str, object], patch: Mapping[str, object]) -> Tree:
    """`patch` applied to `tree`: tables merge, null removes, everything else replaces.

    Source: RFC 7396.
    """
    result: Tree = dict(tree)
    for name, value in patch.items():
        table = as_table(value)
        if value is None:
            result.pop(name, None)
        elif table is not None:
            result[name] = merge_patch(as_table(result.get(name)) or {}, table)
        else:
            result[name] = value
    return result


def changed_paths(old: Mapping[str, object], new: Mapping[str, object], prefix: Path = ()) -> Iterator[Path]:
    """Paths of the values that differ, tables descended into."""
    for name in (*old, *(name for name in new if name not in old)):
        before, after = old.get(name), new.get(name)
        left, right = as_table(before), as_table(after)
        if left is not None and right is not None:
            yield from changed_paths(left, right, (*prefix, name))
        elif (name in old) != (name in new) or not same(before, after):
            yield (*prefix, name)


def same(one: object, other: object) -> bool:
    """Equality that tells `true` from `1` and `1` from `1.0`, as TOML does, at any depth."""
    left, right = as_table(one), as_table(other)
    if left is not None and right is not None:
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    ours, theirs = as_array(one), as_array(other)
    if ours is not None and theirs is not None:
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return one.__class__ is other.__class__ and one == other


def without_nulls(value: object) -> object:
    """`value` without the null members of its tables: TOML has no null, absence says the same."""
    table, array = as_table(value), as_array(value)
    if table is not None:
        return {name: without_nulls(item) for name, item in table.items() if item is not None}
    return value if array is None else [without_nulls(item) for item in array]
