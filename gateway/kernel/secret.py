"""Secret values that cannot be printed by accident.

In `homarus.toml` a secret is a reference, `{ env = "NAME" }` or `{ file = "path" }`, or literal text.
"""

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from protocol.errors import Unavailable

MASK: Final = "***"
"""How a secret prints."""

MARKER: Final = "__OPENCLAW_REDACTED__"
"""How a literal secret looks on the wire; sent back, it stands for the stored value and is never one itself.

Source: observed in `config.get` of OpenClaw 2026.9.6; its clients return it for untouched secrets.
"""

MAX_SECRET_BYTES: Final = 64 * 1024
"""A key file larger than this is not a secret but a mistake, such as a device or a log."""

Reference = str | dict[str, str]
"""A secret as the configuration writes it."""


class SecretMissing(Unavailable):
    """A secret is referred to, but the variable or file behind it is not there."""


class Secret:
    """One secret. `str()` and `repr()` give `***`; only `reveal()` gives the text."""

    __slots__ = ("_problem", "_reference", "_value")

    def __init__(self, value: str | None, reference: Reference | None = None, problem: str = "") -> None:
        self._value = value
        self._reference: Reference = value or "" if reference is None else reference
        self._problem = problem

    @property
    def available(self) -> bool:
        """Whether there is a text to reveal."""
        return self._value is not None

    @property
    def problem(self) -> str:
        """Why it is not available, for people; never holds the text."""
        return self._problem

    @property
    def literal(self) -> bool:
        """Whether the text itself stands in the configuration."""
        return isinstance(self._reference, str)

    @property
    def reference(self) -> Reference:
        """How the configuration writes it. Of a literal this IS the text: for writing files only."""
        return self._reference

    def reveal(self) -> str:
        """The text.

        Raises:
            SecretMissing: naming the variable or file that is missing.
        """
        if self._value is None:
            raise SecretMissing(self._problem)
        return self._value

    def matches(self, candidate: str) -> bool:
        """Compare in constant time; a missing secret matches nothing."""
        if self._value is None:
            return False
        return hmac.compare_digest(self._value.encode(), candidate.encode("utf-8", "surrogatepass"))

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self._value == other._value and self._reference == other._reference

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class SecretResolver:
    """Reads what references point to: the environment, and files relative to the home."""

    def __init__(self, root: Path, env: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._env = env

    def resolve(self, reference: object) -> Secret:
        """The secret behind a value of the configuration; a missing one is returned unavailable, not raised.

        Raises:
            ValueError: when the value has none of the three forms.
        """
        if isinstance(reference, str):
            if MARKER in reference:
                raise ValueError("this is the redaction marker, not a secret; enter the secret")
            return Secret(reference)
        members = list(cast("dict[object, object]", reference).items()) if isinstance(reference, dict) else []
        match members:
            case [("env", str() as name)]:
                value = self._env.get(name)
                state = "empty" if name in self._env else "not set"
                problem = "" if value else f"environment variable {name} is {state}"
                return Secret(value or None, {"env": name}, problem)
            case [("file", str() as name)]:
                return self._from_file(name)
            case _:
                raise ValueError('expected text, { env = "NAME" } or { file = "path" }')

    def _from_file(self, name: str) -> Secret:
        reference: Reference = {"file": name}
        path = self._root / Path(name).expanduser()
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_SECRET_BYTES + 1)
            text = data.decode().strip()
        except OSError as error:
            return Secret(None, reference, f"secret file {name} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            return Secret(None, reference, f"secret file {name} is not text")
        if len(data) > MAX_SECRET_BYTES:
            return Secret(None, reference, f"secret file {name} is larger than {MAX_SECRET_BYTES} bytes")
        return Secret(text or None, reference, "" if text else f"secret file {name} is empty")


def secret_schema(kind: type) -> dict[str, object]:
    """JSON Schema of a secret, as `msgspec.json.schema(schema_hook=…)` wants it.

    Raises:
        NotImplementedError: for any other type, as the hook's contract says.
    """
    if kind is not Secret:
        raise NotImplementedError
    forms: list[dict[str, object]] = [{"type": "string"}, _reference_schema("env"), _reference_schema("file")]
    return {"anyOf": forms, "x-secret": True}


def _reference_schema(key: str) -> dict[str, object]:
    text = {"type": "string", "minLength": 1}
    return {"type": "object", "properties": {key: text}, "required": [key], "additionalProperties": False}


def encode_secret(value: object) -> Reference:
    """`enc_hook` that writes a secret as the configuration does, text included.

    Raises:
        NotImplementedError: for any other type, as the hook's contract says.
    """
    if not isinstance(value, Secret):
        raise NotImplementedError(f"cannot write {type(value).__name__}")
    return value.reference
