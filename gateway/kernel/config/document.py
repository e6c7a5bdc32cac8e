"""The text of `homarus.toml`: reading it, and changing values without losing a person's comments."""

import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Final, cast

import msgspec

from gateway.kernel.config.settings import ConfigIssue
from gateway.kernel.config.tree import Tree, as_array, as_table, changed_paths, lookup
from protocol.errors import InvalidRequest

MAX_CONFIG_BYTES: Final = 1024 * 1024
"""A larger file is not settings; reading it would stall the gateway."""

MAX_DEPTH: Final = 32
"""Deeper nesting than any setting has; parsers recurse."""


EDIT_ROUNDS: Final = 3
"""One for the change, one for what it took along, one to find that nothing is left."""


class ConfigSyntaxError(ValueError):
    """The text is not TOML; the message says where."""


def parse(text: str) -> Tree:
    """The tree of a TOML text.

    Raises:
        ConfigSyntaxError: saying what is wrong at which line.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise ConfigSyntaxError(f"is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        raise ConfigSyntaxError(message[:1].lower() + message[1:]) from error
    except RecursionError as error:
        raise ConfigSyntaxError("is nested too deeply") from error


def parse_raw(raw: str) -> Tree:
    """The tree of what a client sends as `raw`: a JSON object, or TOML.

    Raises:
        InvalidRequest: naming `raw`, when it is neither.
    """
    try:
        tree = msgspec.json.decode(raw, type=Tree) if raw.lstrip().startswith("{") else parse(raw)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"raw: not a JSON object: {error}", {"field": "raw"}) from error
    except ConfigSyntaxError as error:
        raise InvalidRequest(f"raw: {error}", {"field": "raw"}) from error
    except RecursionError as error:
        raise InvalidRequest("raw: is nested too deeply", {"field": "raw"}) from error
    too_deep = depth_issue(tree)
    if too_deep is not None:
        raise InvalidRequest(f"raw: {too_deep.message}", {"field": "raw"})
    return tree


def edit(text: str, tree: Mapping[str, object]) -> str:
    """`text` changed so that it parses to `tree`; lines of values that stay the same are left alone.

    When `text` is not TOML, or is laid out in a way the editor cannot change in place, the result is plain
    TOML of `tree` without the old comments.
    """
    # Costs a tenth of the start-up budget and is needed only when somebody changes a setting.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        edited = text
        # A table that was only spelled as part of a longer name vanishes with its last entry; the next
        # round puts it back.
        for _ in range(EDIT_ROUNDS):
            changes = list(changed_paths(parse(edited), tree))
            if not changes:
                return edited
            document = tomlkit.parse(edited)
            for path in changes:
                _assign(document, path, lookup(tree, path))
            edited = tomlkit.dumps(document)
    except (ConfigSyntaxError, TOMLKitError):
        pass
    return tomlkit.dumps(tree)


def _assign(document: MutableMapping[str, object], path: tuple[str, ...], value: object | None) -> None:
    table = document
    for name in path[:-1]:
        if name not in table:
            table[name] = {}
        table = cast("MutableMapping[str, object]", table[name])
    if value is None:
        del table[path[-1]]
    else:
        table[path[-1]] = value


def depth_issue(tree: object, allowed: int = MAX_DEPTH) -> ConfigIssue | None:
    """An issue when `tree` nests deeper than settings ever do."""
    level: list[object] = [tree]
    for _ in range(allowed):
        level = [item for value in level for item in _items(value)]
        if not level:
            return None
    return ConfigIssue("", f"nested deeper than {allowed} levels")


def _items(value: object) -> list[object]:
    table = as_table(value)
    return list(table.values()) if table is not None else as_array(value) or []
