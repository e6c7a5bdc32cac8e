"""Messages held to the schemas that A2UI publishes.

The validator is `jsonschema-rs`: it loads in a tenth of the time and a quarter of the memory of `a2ui-core`,
which would bring pydantic and babel into every node, and whose v0.8 part refuses the order of messages that
OpenClaw sends. Measured numbers are in `gateway/decisions/0013-a2ui-validation.md`.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from protocol.a2ui.lines import InvalidA2ui, Line
from protocol.a2ui.shapes import is_list, is_object
from protocol.errors import Unavailable

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

DIST: Final = Path(__file__).parent / "dist"
"""The built page and the schemas, written by `scripts/page.py`; the wheel carries them."""

BASIC_CATALOG: Final = "https://a2ui.org/specification/v0_9/catalogs/basic/catalog.json"
"""The components of v0.9 that the renderer knows."""

_SPECIFICATION: Final = "https://a2ui.org/specification/v0_9"
_MASK: Final = "…"
"""Stands in a message for what was sent: it may be long, and nobody needs to see it twice."""

_DEFINITION: Final = {
    "createSurface": "CreateSurfaceMessage",
    "updateComponents": "UpdateComponentsMessage",
    "updateDataModel": "UpdateDataModelMessage",
    "deleteSurface": "DeleteSurfaceMessage",
}


def check(lines: Sequence[Line]) -> None:
    """Hold every message to the schema of its version.

    Raises:
        InvalidA2ui: naming each line that does not fit and where.
        Unavailable: the schemas were not built.
    """
    problems = [(line.number, problem) for line in lines if (problem := _problem(line)) is not None]
    if problems:
        raise InvalidA2ui(problems)


def _problem(line: Line) -> str | None:
    if line.action == "createSurface" and line.body.get("catalogId") != BASIC_CATALOG:
        return f"createSurface.catalogId: only {BASIC_CATALOG} is known here"
    found = next(_validator(line.version, line.action).iter_errors(line.message), None)
    if found is None:
        return None
    if line.action == "updateComponents":
        closer = next(_components(line.body.get("components")), None)
        if closer is not None:
            return closer
    return f"{_place(found.instance_path)}{found.message}"


def _components(components: object) -> Iterator[str]:
    """What is wrong with single components, which the choice among all of them does not tell."""
    for index, component in enumerate(components if is_list(components) else []):
        place = f"updateComponents.components.{index}"
        kind = component.get("component") if is_object(component) else None
        if not isinstance(kind, str) or kind not in _catalog()["components"]:
            yield f"{place}.component: no component of the basic catalog"
            continue
        for found in _component_validator(kind).iter_errors(component):
            yield f"{_place([place, *found.instance_path])}{found.message}"


def _place(path: Sequence[str | int]) -> str:
    return f"{'.'.join(map(str, path))}: " if path else ""


@cache
def _validator(version: str, action: str) -> "Draft202012Validator":
    if version == "v0.8":
        return _compile(_load("v0_8"))
    return _compile({"$ref": f"{_SPECIFICATION}/server_to_client.json#/$defs/{_DEFINITION[action]}"})


@cache
def _component_validator(kind: str) -> "Draft202012Validator":
    return _compile({"$ref": f"{BASIC_CATALOG}#/components/{kind}"})


def _compile(schema: dict[str, Any]) -> "Draft202012Validator":
    from jsonschema_rs import Draft202012Validator, Registry

    resources = [(each["$id"], each) for each in (_load("v0_9"), _load("v0_9_common"), _catalog())]
    # The messages refer to "the" catalog; which one that is, the receiver decides.
    resources.append((f"{_SPECIFICATION}/catalog.json", _catalog()))
    return Draft202012Validator(schema, registry=Registry(resources), mask=_MASK)


def _catalog() -> dict[str, Any]:
    return _load("v0_9_catalog")


@cache
def _load(name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode((DIST / "schemas" / f"{name}.json").read_bytes())
    except FileNotFoundError as error:
        raise Unavailable("the canvas was not built; run scripts/setup in the checkout") from error
