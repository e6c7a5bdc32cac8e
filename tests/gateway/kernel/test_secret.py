"""Secrets resolve, compare, and never print."""

from pathlib import Path

import msgspec
import pytest

from gateway.kernel.secret import (
    MARKER,
    MAX_SECRET_BYTES,
    Secret,
    SecretMissing,
    SecretResolver,
    encode_secret,
)


@pytest.fixture
def resolver(tmp_path: Path) -> SecretResolver:
    (tmp_path / "key").write_text("  from-file\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    return SecretResolver(tmp_path, {"SET": "from-env", "BLANK": ""})


def test_the_three_forms(resolver: SecretResolver) -> None:
    assert resolver.resolve("literal").reveal() == "literal"
    assert resolver.resolve({"env": "SET"}).reveal() == "from-env"
    assert resolver.resolve({"file": "key"}).reveal() == "from-file"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ({"env": "UNSET"}, "environment variable UNSET is not set"),
        ({"env": "BLANK"}, "environment variable BLANK is empty"),
        ({"file": "absent"}, "secret file absent cannot be read: No such file or directory"),
        ({"file": "empty"}, "secret file empty is empty"),
        ({"file": "binary"}, "secret file binary is not text"),
        ({"file": "huge"}, f"secret file huge is larger than {MAX_SECRET_BYTES} bytes"),
        ({"file": "."}, "secret file . cannot be read: Is a directory"),
    ],
)
def test_a_missing_secret_says_why_when_it_is_needed(
    resolver: SecretResolver, reference: dict[str, str], problem: str
) -> None:
    secret = resolver.resolve(reference)
    assert not secret.available
    assert secret.problem == problem
    assert not secret.matches("")
    with pytest.raises(SecretMissing, match="^" + problem.replace(".", r"\.")):
        secret.reveal()


@pytest.mark.parametrize("reference", [3, None, [], {}, {"env": 3}, {"env": "A", "x": "B"}, {"keyring": "a"}])
def test_other_forms_are_refused(resolver: SecretResolver, reference: object) -> None:
    with pytest.raises(ValueError, match="expected text"):
        resolver.resolve(reference)


def test_the_redaction_marker_is_never_a_secret(resolver: SecretResolver) -> None:
    """Attack case 44."""
    with pytest.raises(ValueError, match="redaction marker"):
        resolver.resolve(f" {MARKER}")


def test_nothing_prints_it(resolver: SecretResolver) -> None:
    secret = resolver.resolve("s3cret-text")
    assert f"{secret} {secret!r} {[secret]} %s" % secret == "*** *** [***] ***"
    with pytest.raises(TypeError):
        msgspec.json.encode({"secret": secret})


def test_comparison_is_exact(resolver: SecretResolver) -> None:
    secret = resolver.resolve("pässword")
    assert secret.matches("pässword")
    assert not secret.matches("password")
    assert not secret.matches("\ud800")
    assert secret == Secret("pässword")
    assert secret != resolver.resolve({"env": "SET"})
    assert hash(secret) == hash(Secret("pässword"))


def test_it_is_written_as_it_was_referred_to(resolver: SecretResolver) -> None:
    assert encode_secret(resolver.resolve({"env": "SET"})) == {"env": "SET"}
    assert encode_secret(resolver.resolve("text")) == "text"
    assert resolver.resolve("text").literal
    assert not resolver.resolve({"file": "key"}).literal
