"""The contract as JSON Schema: methods and node commands with parameters and result, events with payload.

OpenClaw's published schema lists definitions without saying which belongs to which method; here each method
names both, so that a client can be generated from this one document.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from protocol.catalog import all_commands, all_events, all_methods
from protocol.connect import ConnectParams, HelloOk
from protocol.errors import ErrorShape
from protocol.method import Command, Event, Method, result_variants
from protocol.version import PROTOCOL_VERSION, RELEASE

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REF_TEMPLATE: Final = "#/$defs/{name}"


def document() -> dict[str, Any]:
    """The whole contract, ready to be encoded.

    Shape: `{"$schema", "title", "protocol", "methods": {name: {scope, roles, additive, description, params,
    result}}, "events": {name: {scope, roles, sequenced, description, payload}}, "commands": {name:
    {capability, description, params, result}}, "connect", "helloOk", "error", "$defs"}`.
    """
    methods, events, commands = all_methods(), all_events(), all_commands()
    types: list[Any] = [ConnectParams, HelloOk, ErrorShape]
    for declared in methods.values():
        types += [declared.params, *result_variants(declared.result)]
    types += events.values()
    for asked in commands.values():
        types += [asked, asked.result]
    schemas, definitions = msgspec.json.schema_components(
        types, schema_hook=_opaque, ref_template=_REF_TEMPLATE
    )
    listed = iter(schemas)
    connect, hello, error = next(listed), next(listed), next(listed)
    return {
        "$schema": DIALECT,
        "title": f"Homarus {RELEASE} gateway protocol",
        "protocol": PROTOCOL_VERSION,
        "connect": connect,
        "helloOk": hello,
        "error": error,
        "methods": {name: _method(declared, listed) for name, declared in methods.items()},
        "events": {name: _event(kind, next(listed)) for name, kind in events.items()},
        "commands": {name: _command(kind, listed) for name, kind in commands.items()},
        "$defs": definitions,
    }


def summary(documented: type) -> str:
    """The first paragraph of a declaration's docstring, on one line."""
    return " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())


def _method(declared: Method, schemas: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return {
        "scope": declared.scope,
        "roles": sorted(declared.roles),
        "additive": declared.additive,
        "description": summary(declared.params),
        "params": next(schemas),
        "result": _result(declared, schemas),
    }


def _result(declared: Method, schemas: Iterator[dict[str, Any]]) -> dict[str, Any]:
    variants = [next(schemas) for _ in result_variants(declared.result)]
    return variants[0] if len(variants) == 1 else {"anyOf": variants}


def _event(kind: type[Event], payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": kind.scope,
        "roles": sorted(kind.roles),
        "sequenced": kind.sequenced,
        "description": summary(kind),
        "payload": payload,
    }


def _command(kind: type[Command[Any]], schemas: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return {
        "capability": kind.capability,
        "description": summary(kind),
        "params": next(schemas),
        "result": next(schemas),
    }


def _opaque(kind: type) -> dict[str, Any]:
    """Schema of types msgspec does not know; it takes an empty one for a missing one."""
    if kind is object:
        return {"description": "any JSON"}
    raise NotImplementedError
