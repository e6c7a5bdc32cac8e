"""Secrets leave as markers and come back as themselves, or not at all. Attack case 44."""

from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.config.redaction import Redactor
from gateway.kernel.config.settings import Settings, SettingsPart
from gateway.kernel.secret import MARKER, Secret


class Account(SettingsPart):
    """A channel account."""

    name: str = ""
    token: Secret | None = None


class SampleSettings(Settings):
    """A section with secrets at several depths."""

    section: ClassVar[str] = "sample"
    key: Secret | None = None
    label: str = ""
    accounts: dict[str, Account] = {}  # noqa: RUF012 - a struct copies its defaults
    rotation: tuple[Account, ...] = ()
    headers: dict[str, Secret] = {}  # noqa: RUF012 - a struct copies its defaults


redactor = Redactor({"sample": SampleSettings})

STORED: dict[str, object] = {
    "sample": {
        "key": "s3cret-one",
        "label": "not secret",
        "accounts": {"a": {"name": "A", "token": "s3cret-two"}, "b": {"token": {"env": "B"}}},
        "rotation": [{"name": "x", "token": "s3cret-x"}, {"name": "y", "token": "s3cret-y"}],
        "headers": {"X-Api": "s3cret-three"},
    },
    "unknown": {"api_key": "s3cret-four", "nested": [{"password": "s3cret-five"}], "size": 3},
}


def test_every_literal_secret_is_masked_and_nothing_else() -> None:
    shown = redactor.redact(STORED)
    assert "s3cret" not in str(shown)
    assert shown["sample"] == {
        "key": MARKER,
        "label": "not secret",
        "accounts": {"a": {"name": "A", "token": MARKER}, "b": {"token": {"env": "B"}}},
        "rotation": [{"name": "x", "token": MARKER}, {"name": "y", "token": MARKER}],
        "headers": {"X-Api": MARKER},
    }
    assert shown["unknown"] == {"api_key": MARKER, "nested": [{"password": MARKER}], "size": 3}


def test_round_trip_is_exact() -> None:
    assert redactor.restore(redactor.redact(STORED), STORED) == (STORED, [])


def test_moved_array_entries_keep_their_own_secret() -> None:
    shown: Any = redactor.redact(STORED)
    shown["sample"]["rotation"].reverse()
    restored: Any
    restored, issues = redactor.restore(shown, STORED)
    assert issues == []
    assert restored["sample"]["rotation"] == list(reversed(STORED["sample"]["rotation"]))  # type: ignore[index,call-overload]


def test_a_marker_without_a_stored_secret_is_refused() -> None:
    for tree, path in [
        ({"sample": {"label": MARKER}}, "sample.label"),
        ({"sample": {"key": f"x{MARKER}"}}, "sample.key"),
        ({"sample": {"accounts": {"new": {"token": MARKER}}}}, "sample.accounts.new.token"),
        ({"sample": {"accounts": {"b": {"token": MARKER}}}}, "sample.accounts.b.token"),
        ({"sample": {"rotation": [{"name": "z", "token": MARKER}]}}, "sample.rotation[0].token"),
        ({"other": [MARKER]}, "other[0]"),
    ]:
        _, issues = redactor.restore(tree, STORED)
        assert [issue.path for issue in issues] == [path], tree


def test_identical_looking_entries_are_ambiguous_once_changed() -> None:
    stored: dict[str, object] = {"sample": {"rotation": [{"token": "s3cret-1"}, {"token": "s3cret-2"}]}}
    shown: Any = redactor.redact(stored)
    assert redactor.restore(shown, stored) == (stored, [])
    shown["sample"]["rotation"].append({"name": "third"})
    _, issues = redactor.restore(shown, stored)
    assert {issue.path for issue in issues} == {"sample.rotation[0].token", "sample.rotation[1].token"}


@given(st.dictionaries(st.text("abc", min_size=1), st.text(min_size=1), max_size=4), st.text(min_size=1))
def test_round_trip_is_exact_for_any_secret(headers: dict[str, str], key: str) -> None:
    stored: dict[str, object] = {"sample": {"key": key, "headers": dict(headers)}}
    shown = redactor.redact(stored)
    assert redactor.restore(shown, stored) == (stored, [])
