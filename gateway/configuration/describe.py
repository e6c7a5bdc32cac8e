"""The configuration described for forms and tools: JSON Schema and hints, all from the settings structs."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, get_args, get_origin

import msgspec
import msgspec.structs

from gateway.kernel.config.check import meaning
from gateway.kernel.config.settings import Settings
from gateway.kernel.config.tree import Tree, as_array, as_table
from gateway.kernel.secret import Secret, secret_schema
from protocol.errors import NotFound
from protocol.methods.config import (
    ConfigHint,
    ConfigSchemaChild,
    ConfigSchemaDocument,
    ConfigSchemaNode,
    ReloadKind,
)
from protocol.version import RELEASE

_BELOW: Final = frozenset({"properties", "additionalProperties", "items", "prefixItems"})
"""Parts of a schema node that describe what lies below it."""


class Description:
    """Schema, hints and lookups over all sections; worked out when first asked for."""

    def __init__(self, kinds: Mapping[str, type[Settings]], generated_ms: int) -> None:
        self._kinds = kinds
        self._generated_at = datetime.fromtimestamp(generated_ms / 1000, UTC).isoformat(
            timespec="milliseconds"
        )

    def document(self) -> ConfigSchemaDocument:
        """Everything."""
        return ConfigSchemaDocument(
            schema=self._schema,
            ui_hints=self._hints,
            version=RELEASE,
            generated_at=self._generated_at,
        )

    def lookup(self, path: str) -> ConfigSchemaNode:
        """The node at `path`: names joined by `.` or `/`, `*` or `[]` for any entry.

        Raises:
            NotFound: when there is no such node.
        """
        names = [name for name in re.split(r"[./]|(?=\[)", path) if name]
        node, spelled = self._schema, list[str]()
        for name in names:
            below = _child(node, "*" if name.startswith("[") else name)
            if below is None:
                raise NotFound(f"path: no setting is called {path}", {"field": "path"})
            node, key = below
            spelled.append(key)
        where = ".".join(spelled)
        children = [self._child_summary(where, node, key, child) for key, child in _children(node)]
        return ConfigSchemaNode(
            path=where,
            schema={key: value for key, value in node.items() if key not in _BELOW},
            children=children,
            reload_kind=self._reload_kind(where),
            hint=self._hints.get(where),
            hint_path=where if where in self._hints else None,
        )

    def _child_summary(self, where: str, parent: Tree, key: str, child: Tree) -> ConfigSchemaChild:
        path = f"{where}.{key}" if where else key
        kind = child.get("type")
        return ConfigSchemaChild(
            key=key,
            path=path,
            required=key in (as_array(parent.get("required")) or []),
            has_children=any(True for _ in _children(child)),
            type=kind if isinstance(kind, str) else None,
            reload_kind=self._reload_kind(path),
            hint=self._hints.get(path),
            hint_path=path if path in self._hints else None,
        )

    def _reload_kind(self, path: str) -> ReloadKind:
        section, _, field = path.partition(".")
        restart = self._kinds[section].restart if section in self._kinds else frozenset[str]()
        return "restart" if field.partition(".")[0] in restart else "hot"

    @cached_property
    def _schema(self) -> Tree:
        kinds = list(self._kinds.values())
        _, components = msgspec.json.schema_components(kinds, schema_hook=secret_schema)
        sections: Tree = {name: _section(kind, components) for name, kind in self._kinds.items()}
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "title": "Homarus configuration",
            "properties": sections,
            "additionalProperties": False,
        }

    @cached_property
    def _hints(self) -> dict[str, ConfigHint]:
        return {
            path: hint
            for order, (name, kind) in enumerate(self._kinds.items())
            for path, hint in _hints(kind, name, order)
        }


def _section(kind: type[Settings], components: Mapping[str, Tree]) -> Tree:
    node = _inlined({"$ref": f"#/$defs/{kind.__name__}"}, components)
    return _documented(node, kind)


def _inlined(node: Tree, components: Mapping[str, Tree]) -> Tree:
    """`node` with every reference replaced by what it refers to: form builders do not follow references."""
    name = node.get("$ref")
    if isinstance(name, str):
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {**_inlined(components[name.rpartition("/")[2]], components), **rest}

    def walk(value: object) -> object:
        table, array = as_table(value), as_array(value)
        if table is not None:
            return _inlined(table, components)
        return value if array is None else [walk(item) for item in array]

    return {key: walk(value) for key, value in node.items()}


def _documented(node: Tree, kind: Any) -> Tree:
    """Titles and descriptions as a person reads them, from the docstrings below the fields."""
    properties = as_table(node.get("properties"))
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)) or properties is None:
        return node
    docs = field_docs(kind)
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    described: Tree = {}
    for name, value in properties.items():
        child = _documented(as_table(value) or {}, meaning(fields[name]))
        described[name] = {
            **child,
            "title": label(name),
            "description": docs.get(name) or _summary(fields[name]),
        }
    title = label(kind.section) if issubclass(kind, Settings) else label(kind.__name__)
    return {**node, "title": title, "description": _summary(kind), "properties": described}


def _hints(kind: Any, path: str, order: int) -> Iterator[tuple[str, ConfigHint]]:
    group = label(path.partition(".")[0])
    if "." not in path:
        yield path, ConfigHint(label=group, help=_summary(kind), group=group, order=order)
    inner = meaning(kind)
    if get_origin(inner) in {dict, list, tuple}:
        yield from _hints(get_args(inner)[-1 if get_origin(inner) is dict else 0], f"{path}.*", order)
    elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        docs = field_docs(inner)
        for place, field in enumerate(msgspec.structs.fields(inner)):
            name = field.encode_name
            yield (
                f"{path}.{name}",
                ConfigHint(
                    label=label(name),
                    help=docs.get(name) or _summary(field.type) or None,
                    group=group,
                    order=place,
                    sensitive=True if meaning(field.type) is Secret else None,
                ),
            )
            yield from _hints(field.type, f"{path}.{name}", place)


def field_docs(kind: type) -> dict[str, str]:
    """The docstring below each field of a class, its own only, joined to one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    docs: dict[str, str] = {}
    if not isinstance(body, ast.ClassDef):
        return docs
    for statement, after in zip(body.body, body.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                docs[name] = " ".join(text.split())
            case _:
                pass
    return docs


def label(name: str) -> str:
    """`public_url` as `Public URL`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).split("_")
    shouted = {"url", "ip", "tls", "id", "llm", "http"}
    return " ".join(
        word.upper() if word.lower() in shouted else word.capitalize() if not place else word.lower()
        for place, word in enumerate(words)
    )


def _summary(kind: Any) -> str:
    """First sentence of a struct's docstring."""
    inner = meaning(kind)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return (inspect.getdoc(inner) or "").partition("\n\n")[0].replace("\n", " ")
    return ""


def _children(node: Tree) -> Iterator[tuple[str, Tree]]:
    properties = as_table(node.get("properties"))
    if properties is not None:
        for key, value in properties.items():
            yield key, as_table(value) or {}
    for key in ("additionalProperties", "items"):
        entry = as_table(node.get(key))
        if entry is not None:
            yield "*", entry
    for choice in as_array(node.get("anyOf")) or []:
        yield from _children(as_table(choice) or {})


def _child(node: Tree, name: str) -> tuple[Tree, str] | None:
    children = dict(_children(node))
    if name in children:
        return children[name], name
    return (children["*"], "*") if "*" in children else None
