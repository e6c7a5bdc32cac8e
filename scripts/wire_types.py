"""Write the contract as TypeScript types for the control page.

Usage: python scripts/wire_types.py [FILE]

The file is made anew for every type check and never committed: what the page sends and reads is checked
against the contract as it stands.
"""

import re
import sys
from pathlib import Path
from typing import Any

from protocol.schema import document

TARGET = Path(__file__).parents[1] / "gateway/web/page/src/client/wire.ts"

Schema = dict[str, Any]

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def type_name(definition: str) -> str:
    """A definition's name as an identifier: `protocol.connect.SessionDefaults` has dots."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", definition))


def type_of(schema: Schema) -> str:
    """The TypeScript type of what a schema describes; `unknown` for what it leaves open."""
    if "$ref" in schema:
        return type_name(schema["$ref"].rpartition("/")[2])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(dict.fromkeys(type_of(each) for each in schema[choice])) or "never"
    if "enum" in schema:
        return " | ".join(literal(value) for value in schema["enum"])
    if "const" in schema:
        return literal(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        return array_type(schema)
    if kind == "object":
        return object_type(schema)
    return _SCALARS.get(str(kind), "unknown")


def literal(value: object) -> str:
    """A JSON scalar as a literal type."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def array_type(schema: Schema) -> str:
    """A tuple or a list."""
    if "prefixItems" in schema:
        return f"[{', '.join(type_of(each) for each in schema['prefixItems'])}]"
    return f"Array<{type_of(items)}>" if (items := schema.get("items")) else "unknown[]"


def object_type(schema: Schema) -> str:
    """Named members, or a table of equals."""
    if "properties" not in schema:
        values: Schema | bool = schema.get("additionalProperties", True)
        return f"Record<string, {'unknown' if isinstance(values, bool) else type_of(values)}>"
    required = set(schema.get("required", ()))
    members = (
        f'"{name}"{"" if name in required else "?"}: {type_of(member)};'
        for name, member in schema["properties"].items()
    )
    return "{ " + " ".join(members) + " }"


def module() -> str:
    """The whole module."""
    contract = document()
    lines = ["// Written by scripts/wire_types.py from the protocol package; not for editing.", ""]
    for name, schema in sorted(contract["$defs"].items()):
        lines.append(f"export type {type_name(name)} = {type_of(schema)};")
    lines += ["", "export interface Methods {"]
    for name, method in contract["methods"].items():
        lines.append(
            f'  "{name}": {{ params: {type_of(method["params"])}; result: {type_of(method["result"])} }};'
        )
    lines += ["}", "", "export interface Events {"]
    lines += [f'  "{name}": {type_of(event["payload"])};' for name, event in contract["events"].items()]
    lines += ["}", ""]
    return "\n".join(lines)


def main(target: Path) -> None:
    """Write the file when it would change, so that watchers stay calm."""
    text = module()
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
