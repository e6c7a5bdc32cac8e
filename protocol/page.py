"""The contract as a page to read, in Markdown."""

from typing import Any

from protocol.schema import document


def render() -> str:
    """Every method, event and node command, with who may use it, its parameters and its result."""
    contract = document()
    lines = [f"# {contract['title']}", "", f"Protocol version {contract['protocol']}.", "", "## Methods", ""]
    for name, method in contract["methods"].items():
        mark = " (Homarus only)" if method["additive"] else ""
        lines += [f"### `{name}`{mark}", "", method["description"], ""]
        lines += [f"Scope: {_scope(method)}", ""]
        lines += _fields("Parameters", method["params"], contract["$defs"])
        lines += _fields("Result", method["result"], contract["$defs"])
    lines += ["## Events", ""]
    for name, event in contract["events"].items():
        lines += [f"### `{name}`", "", event["description"], "", f"Scope: {_scope(event)}", ""]
        lines += _fields("Payload", event["payload"], contract["$defs"])
    lines += ["## Node commands", ""]
    for name, command in contract["commands"].items():
        needs = f"`{command['capability']}`" if command["capability"] else "none"
        lines += [f"### `{name}`", "", command["description"], "", f"Capability: {needs}", ""]
        lines += _fields("Parameters", command["params"], contract["$defs"])
        lines += _fields("Result", command["result"], contract["$defs"])
    return "\n".join(lines).rstrip() + "\n"


def _scope(entry: dict[str, Any]) -> str:
    roles = ", ".join(entry["roles"])
    return f"`{entry['scope']}` ({roles})" if entry["scope"] else f"none ({roles})"


def _fields(title: str, schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    resolved = _resolved(schema, definitions)
    properties: dict[str, Any] = resolved.get("properties", {})
    if not properties:
        return [] if resolved.get("type") == "object" else [f"{title}: {_type(schema)}", ""]
    required = set(resolved.get("required", ()))
    rows = [
        f"| `{name}` | {_type(field)} | {'yes' if name in required else ''} |"
        for name, field in properties.items()
    ]
    return [f"| {title} | type | always |", "|---|---|---|", *rows, ""]


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if isinstance(reference, str) else schema


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    return f"list of {_type(schema['items'])}" if kind == "array" and schema.get("items") else str(kind)
