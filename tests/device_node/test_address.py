"""Which addresses are taken, and which would leak (case 41, row S4.11-1)."""

import pytest

from device_node.address import Address, normal_fingerprint, stays_near
from device_node.failure import Misused


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://127.0.0.1:18789", "ws://127.0.0.1:18789"),
        ("ws://localhost:1/", "ws://localhost:1"),
        ("http://192.168.1.5:18789/base/", "ws://192.168.1.5:18789/base"),
        ("ws://[::1]:5", "ws://[::1]:5"),
        ("ws://[fe80::1]:5", "ws://[fe80::1]:5"),
        ("ws://mac.local", "ws://mac.local:80"),
        ("wss://gw.example.com", "wss://gw.example.com:443"),
        ("https://gw.example.com/base", "wss://gw.example.com:443/base"),
    ],
)
def test_addresses_have_one_spelling(url: str, shown: str) -> None:
    assert str(Address.parse(url)) == shown
    assert str(Address.parse(shown)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "ws://gw.example.com",
        "ws://8.8.8.8:18789",
        "ws://172.32.0.1",
        "ws://100.64.0.1",
        "ws://[2001:db8::1]",
        "ws://[::ffff:8.8.8.8]",
        "ws://127.0.0.1.example.com",
        "ws://127.1",
        "ws://0x7f000001",
        "ws://nas",
        "http://gw.example.com/j/abc",
    ],
)
def test_what_crosses_the_internet_has_to_be_encrypted(url: str) -> None:
    with pytest.raises(Misused, match="unencrypted over the internet; use wss://"):
        Address.parse(url)


@pytest.mark.parametrize("url", ["", "gw", "ftp://a", "ws://", "ws://a:port", "ws://a:99999", "ws://[::1"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(Misused, match="no address of a gateway"):
        Address.parse(url)


def test_credentials_do_not_belong_into_an_address() -> None:
    with pytest.raises(Misused, match="ends up in logs"):
        Address.parse("wss://me:secret@gw.example.com")


def test_a_mapped_private_address_is_near() -> None:
    assert stays_near("::ffff:192.168.0.1")
    assert stays_near("fe80::1%eth0")
    assert not stays_near("local")


def test_fingerprints_have_one_spelling() -> None:
    plain = "ab" * 32
    for text in (plain, plain.upper(), ":".join(["AB"] * 32), f"sha256:{plain}", f" SHA256={plain}\n"):
        assert normal_fingerprint(text) == plain
    for text in ("", "ab" * 31, "zz" * 32, f"{plain}00"):
        with pytest.raises(Misused, match="no SHA-256 fingerprint"):
            normal_fingerprint(text)
