"""Schema errors read as the original's do, because clients show them and some match on them."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from protocol.method import Wire
from protocol.violation import violation


class Inner(Wire):
    """Nested."""

    name: Annotated[str, Meta(pattern="^[a-z]+$")] = "x"


class Outer(Wire, forbid_unknown_fields=True):
    """Everything that can be wrong."""

    count: Annotated[int, Meta(ge=1, le=9)] = 1
    share: float | None = None
    label: Annotated[str, Meta(min_length=2, max_length=3)] = "ab"
    inner: Inner | None = None
    names: tuple[Inner, ...] = ()
    table: Annotated[dict[str, int], Meta(max_length=1)] = msgspec.field(default_factory=dict[str, int])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"count":"x"}', "at /count: must be integer"),
        ('{"count":0}', "at /count: must be >= 1"),
        ('{"count":10}', "at /count: must be <= 9"),
        ('{"share":"x"}', "at /share: must be number or null"),
        ('{"label":"a"}', "at /label: must not have fewer than 2 characters"),
        ('{"label":"abcd"}', "at /label: must not have more than 3 characters"),
        ('{"inner":{"name":"A"}}', 'at /inner/name: must match pattern "^[a-z]+$"'),
        ('{"names":[{},{"name":1}]}', "at /names/1/name: must be string"),
        ('{"table":{"a":1,"b":2}}', "at /table: must not have more than 1 properties"),
        ('{"table":{"a":"x"}}', "at /table/*: must be integer"),
        ('{"other":1}', "unexpected property 'other'"),
        ("[]", "must be object"),
    ],
)
def test_the_path_comes_first(text: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=Outer)
    error = violation("x.y params", caught.value)
    assert error.message == f"invalid x.y params: {message}"
    assert error.code == "INVALID_REQUEST"
    path = message.partition(":")[0].removeprefix("at ")
    assert error.details.get("field") == (path if path.startswith("/") else None)


def test_what_is_no_json_is_said_in_the_parser_words() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode("{", type=Outer)
    assert violation("x", caught.value).message.startswith("invalid x: Input data was truncated")
    assert violation("x", RecursionError()).message == "invalid x: nested too deeply"
