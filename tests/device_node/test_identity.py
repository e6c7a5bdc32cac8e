"""The device key and the tokens: private, whole, and refused when damaged (rows S1.B-5, S0.3-4)."""

import hashlib
import stat
from pathlib import Path

import pytest

from device_node.failure import NodeError
from device_node.identity import load_identity
from device_node.tokens import TokenStore
from protocol.connect import HelloAuth, IssuedToken
from protocol.scopes import Role, Scope


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "node" / "device.key"
    identity = load_identity(path)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert identity.device_id == hashlib.sha256(identity.public_key).hexdigest()
    assert load_identity(path).device_id == identity.device_id
    assert [found.name for found in path.parent.iterdir()] == ["device.key"]


def test_rights_of_others_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    load_identity(path)
    path.chmod(0o644)
    load_identity(path)
    assert mode(path) == 0o600


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_not_replaced(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "device.key"
    path.write_bytes(data)
    with pytest.raises(NodeError, match="damaged; bring it back from a backup, or remove it"):
        load_identity(path)
    assert path.read_bytes() == data


def test_an_unreadable_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "device.key").mkdir()
    with pytest.raises(NodeError, match="cannot be read"):
        load_identity(tmp_path / "device.key")


def test_tokens_are_kept_by_gateway_and_role(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "node" / "tokens.json")
    assert store.find("ws://a") is None
    operator = IssuedToken(device_token="o", role=Role.OPERATOR, scopes=[Scope.READ], issued_at_ms=1)
    auth = HelloAuth(method="token", role=Role.NODE, scopes=[], device_token="n", device_tokens=[operator])
    store.take("ws://a", auth)
    store.keep("ws://b", "other")
    assert store.find("ws://a") == "n"
    assert store.find("ws://a", Role.OPERATOR) == "o"
    assert mode(tmp_path / "node" / "tokens.json") == 0o600
    assert store.drop("ws://a")
    assert not store.drop("ws://a")
    assert store.find("ws://a") is None
    assert store.find("ws://b") == "other"


def test_the_same_token_again_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    TokenStore(path).keep("ws://a", "n")
    before = path.stat().st_ino
    TokenStore(path).keep("ws://a", "n")
    assert path.stat().st_ino == before


@pytest.mark.parametrize("text", ["", "[]", '{"ws://a":{"node":7}}'])
def test_damaged_tokens_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(NodeError, match="damaged; remove the file and pair this device again"):
        TokenStore(tmp_path / "tokens.json").find("ws://a")
