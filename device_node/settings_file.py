"""Changes to `node.toml` that leave its comments and its order alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from device_node.config import NodeConfig, load_config, parse_config
from device_node.files import private_dir, write_private

Value = str | bool | int | float | Mapping[str, str] | None
"""What a setting is set to; `None` takes it out."""


def change_settings(path: Path, changes: Mapping[str, Value]) -> NodeConfig:
    """Set dotted names and return the settings as they are then; the file is made when it is missing.

    Raises:
        Misused: when the file was faulty before, or would be afterwards; then nothing is written.
    """
    import tomlkit

    load_config(path)
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    for name, value in changes.items():
        *tables, key = name.split(".")
        # Any: tomlkit's tables are dictionaries of whatever the file holds.
        table = cast("dict[str, Any]", document)
        for part in tables:
            if part not in table:
                table[part] = tomlkit.table()
            table = cast("dict[str, Any]", table[part])
        if value is None:
            table.pop(key, None)
        elif isinstance(value, Mapping):
            table[key] = tomlkit.inline_table()
            table[key].update(value)
        else:
            table[key] = value
    text = tomlkit.dumps(document)
    config = parse_config(text, str(path))
    private_dir(path.parent)
    write_private(path, text.encode())
    return config
