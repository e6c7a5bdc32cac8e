"""Which gateway a command line means."""

import argparse
from pathlib import Path

import pytest

from gateway.cli.failure import Misused
from gateway.cli.reach import Address, Reach


def options(**given: object) -> argparse.Namespace:
    """Parsed flags, everything unset unless given."""
    unset = {
        "home": None,
        "url": None,
        "token": None,
        "tls_fingerprint": None,
        "insecure": False,
        "timeout": 30.0,
    }
    return argparse.Namespace(**{**unset, **given})


@pytest.mark.parametrize(
    ("url", "address", "loopback"),
    [
        ("ws://127.0.0.1:18789", "ws://127.0.0.1:18789/", True),
        ("http://localhost:8080/gateway", "ws://localhost:8080/gateway", True),
        ("wss://gw.example", "wss://gw.example:443/", False),
        ("https://gw.example/", "wss://gw.example:443/", False),
        ("ws://[::1]:9", "ws://[::1]:9/", True),
        ("ws://127.0.0.1.evil.example:1", "ws://127.0.0.1.evil.example:1/", False),
    ],
)
def test_an_address_is_read_whole(url: str, address: str, loopback: bool) -> None:
    parsed = Address.parse(url)
    assert str(parsed) == address
    assert parsed.loopback is loopback


@pytest.mark.parametrize(
    "url", ["", "gw.example", "ftp://gw.example", "ws://", "ws://host:port", "ws://host:99999"]
)
def test_anything_else_is_a_misuse(url: str) -> None:
    with pytest.raises(Misused, match="no address"):
        Address.parse(url)


def test_without_an_address_it_is_the_home_and_no_secret_is_read(tmp_path: Path) -> None:
    reach = Reach.of(options(home=str(tmp_path)), {"HOMARUS_TOKEN": "from-env"})
    assert (reach.home.root, reach.address, reach.secret) == (tmp_path.resolve(), None, None)


def test_flags_win_over_the_environment_and_that_over_the_key_file(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "gateway.token").write_text("from-file\n", encoding="utf-8")
    env = {"HOMARUS_HOME": str(tmp_path), "HOMARUS_URL": "ws://127.0.0.1:1"}
    assert Reach.of(options(), env).secret == "from-file"
    env["HOMARUS_TOKEN"] = "from-env"
    assert Reach.of(options(), env).secret == "from-env"
    reach = Reach.of(options(token="from-flag", url="ws://127.0.0.1:2"), env)
    assert (reach.secret, str(reach.address)) == ("from-flag", "ws://127.0.0.1:2/")


def test_a_fingerprint_is_taken_as_printed(tmp_path: Path) -> None:
    printed = ":".join(["AB"] * 32)
    assert (
        Reach.of(options(tls_fingerprint=printed), {"HOMARUS_HOME": str(tmp_path)}).fingerprint == "ab" * 32
    )
    with pytest.raises(Misused, match="no SHA-256"):
        Reach.of(options(tls_fingerprint="AB:CD"), {})
