"""`homarus protocol`: the contract as a page and as one JSON Schema (row DC-1)."""

import json

import jsonschema
import pytest

from tests.cli.command import run


def test_the_page_lists_methods_with_their_parameters() -> None:
    done = run({}, "protocol")
    assert done.code == 0
    assert "### `chat.send`" in done.out
    assert "| `idempotencyKey` |" in done.out


def test_the_schema_validates_a_real_call() -> None:
    contract = json.loads(run({}, "protocol", "--json").out)
    send = {**contract["methods"]["chat.send"]["params"], "$defs": contract["$defs"]}
    jsonschema.validate({"sessionKey": "main", "message": "hello", "idempotencyKey": "k"}, send)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sessionKey": "main"}, send)
