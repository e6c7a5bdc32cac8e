"""The method table is one declaration per method, and everything derives from it (rows DC-1, S1.B-4)."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from protocol.catalog import all_commands, all_events, all_methods
from protocol.method import METHODS, Call, Method, Wire, decode_result, method, result_variants
from protocol.page import render
from protocol.schema import document
from protocol.scopes import Scope

# Other test modules of the same worker declare methods of their own, under `test.`.
METHODS_BY_NAME = {name: found for name, found in all_methods().items() if not name.startswith("test.")}
EVENTS_BY_NAME = {name: found for name, found in all_events().items() if not name.startswith("test.")}


@pytest.mark.parametrize("declared", METHODS_BY_NAME.values(), ids=METHODS_BY_NAME)
def test_both_ends_of_a_method_can_be_decoded(declared: Method) -> None:
    msgspec.json.Decoder(declared.params)
    for variant in result_variants(declared.result):
        msgspec.json.Decoder(variant)


@pytest.mark.parametrize("declared", METHODS_BY_NAME.values(), ids=METHODS_BY_NAME)
def test_every_method_is_documented(declared: Method) -> None:
    assert (declared.params.__doc__ or "").strip()


@pytest.mark.parametrize("declared", METHODS_BY_NAME.values(), ids=METHODS_BY_NAME)
def test_only_our_own_methods_are_strict(declared: Method) -> None:
    """OpenClaw's clients send fields its schema forbids, so its methods ignore unknown ones."""
    assert declared.params.__struct_config__.forbid_unknown_fields is declared.additive


@pytest.mark.parametrize("name", EVENTS_BY_NAME)
def test_events_can_be_decoded_and_are_documented(name: str) -> None:
    msgspec.json.Decoder(EVENTS_BY_NAME[name])
    assert (EVENTS_BY_NAME[name].__doc__ or "").strip()


@pytest.mark.parametrize("name", all_commands())
def test_both_ends_of_a_node_command_can_be_decoded_and_are_documented(name: str) -> None:
    declared = all_commands()[name]
    msgspec.json.Decoder(declared)
    msgspec.json.Decoder(declared.result_type())
    assert (declared.__doc__ or "").strip()
    assert declared.capability is not None


def test_the_schema_binds_params_and_result_to_each_method() -> None:
    contract = json.loads(msgspec.json.encode(document()))
    assert {name for name in contract["methods"] if not name.startswith("test.")} == set(METHODS_BY_NAME)
    jsonschema.Draft202012Validator.check_schema({"$defs": contract["$defs"]})
    for entry in contract["methods"].values():
        assert {"params", "result", "scope", "description"} <= set(entry)
        jsonschema.Draft202012Validator.check_schema(entry["params"])
        jsonschema.Draft202012Validator.check_schema(entry["result"])
    assert set(contract["commands"]) == set(all_commands())
    assert contract["commands"]["system.run"]["capability"] == "system"


def test_the_page_names_every_method_and_event() -> None:
    page = render()
    for name in [*METHODS_BY_NAME, *EVENTS_BY_NAME, *all_commands()]:
        assert f"### `{name}`" in page


def test_a_call_must_name_its_result() -> None:
    with pytest.raises(TypeError, match="must name its result"):

        @method("test.nameless", Scope.READ)
        class Nameless(Call):  # pyright: ignore[reportMissingTypeArgument, reportUnusedClass] - the point
            """Has no result."""

    assert "test.nameless" not in METHODS


def test_of_several_result_variants_the_first_that_fits_is_decoded() -> None:
    class Whole(Wire):
        """Everything."""

        items: list[int]

    class Change(Wire):
        """What is new."""

        added: list[int]

    assert decode_result(b'{"items":[1]}', Whole | Change) == Whole(items=[1])
    assert decode_result(b'{"added":[2]}', Whole | Change) == Change(added=[2])
    assert decode_result(b"null", Whole | None) is None
    with pytest.raises(msgspec.ValidationError):
        decode_result(b'{"neither":1}', Whole | Change)


def test_wire_structs_are_keyword_only_camel_case_and_omit_defaults() -> None:
    class Sample(Wire):
        """A struct with a default before a required field."""

        note: str | None = None
        session_key: str

    def positional(kind: Any) -> object:
        return kind("x")

    assert msgspec.json.encode(Sample(session_key="k")) == b'{"sessionKey":"k"}'
    with pytest.raises(TypeError):
        positional(Sample)
