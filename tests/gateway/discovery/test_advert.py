"""What is announced, key by key (5.1 of the node contracts)."""

import socket

import msgspec
import pytest

from gateway.discovery.advert import FALLBACK_LABEL, Advert, machine_label
from gateway.discovery.settings import DiscoverySettings

PIN = "ab" * 32
PLAIN = Advert(label="desk", port=18789, addresses=("192.0.2.7",))
ALWAYS = {
    "role": "gateway",
    "transport": "gateway",
    "displayName": "desk",
    "gatewayPort": "18789",
    "lanHost": "desk.local",
    "gatewayDirectReachable": "1",
}


def test_the_names_clients_see() -> None:
    assert PLAIN.instance == "desk (OpenClaw)._openclaw-gw._tcp.local."
    assert PLAIN.server == "desk.local."


def test_the_keys_of_mode_minimal() -> None:
    assert PLAIN.txt == ALWAYS
    secured = msgspec.structs.replace(PLAIN, tls_fingerprint=PIN)
    assert secured.txt == {**ALWAYS, "gatewayTls": "1", "gatewayTlsSha256": PIN}


def test_the_keys_of_mode_full() -> None:
    full = msgspec.structs.replace(
        PLAIN, ssh_port=22, tailnet_dns="desk.example.ts.net", cli_path="/opt/homarus"
    )
    more = {"sshPort": "22", "tailnetDns": "desk.example.ts.net", "cliPath": "/opt/homarus"}
    assert full.txt == {**ALWAYS, **more}


def test_a_value_that_does_not_fit_is_left_out() -> None:
    assert msgspec.structs.replace(PLAIN, cli_path="/" * 247).txt != ALWAYS
    assert msgspec.structs.replace(PLAIN, cli_path="/" * 248).txt == ALWAYS


def test_the_longest_host_name_makes_a_full_label() -> None:
    label = "a" * 52
    assert not list(DiscoverySettings(hostname=label).problems())
    instance = msgspec.structs.replace(PLAIN, label=label).instance
    assert len(instance.partition("._openclaw")[0].encode()) == 63


def test_a_machine_without_a_usable_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, label in (("desk.example", "desk"), ("my desk", FALLBACK_LABEL), ("", FALLBACK_LABEL)):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        assert machine_label() == label


@pytest.mark.parametrize("name", ["", "a" * 53, "-desk", "desk-", "my desk", "desk.local", "büro", "a\nb"])
def test_a_host_name_that_is_none_is_refused(name: str) -> None:
    (issue,) = DiscoverySettings(hostname=name).problems()
    assert issue.path == "discovery.hostname"


def test_an_interface_that_is_no_address_is_named() -> None:
    (issue,) = DiscoverySettings(interfaces=("127.0.0.1", "eth0")).problems()
    assert issue.path == "discovery.interfaces[1]"
