"""Which addresses a gateway is announced at. Loopback is the one network every machine has."""

import pytest

from gateway.discovery.addresses import reachable_addresses
from gateway.kernel.net.lan import lan_address


def test_loopback_only_when_it_is_asked_for() -> None:
    assert "127.0.0.1" not in reachable_addresses("0.0.0.0")
    assert reachable_addresses("0.0.0.0", ["127.0.0.1"]) == ("127.0.0.1",)
    assert reachable_addresses("127.0.0.1") == ()


def test_every_network_of_the_family_that_is_listened_on() -> None:
    found = reachable_addresses("0.0.0.0")
    assert not any(":" in address for address in found)
    own = lan_address()
    assert own is None or own in found
    assert not any("." in address for address in reachable_addresses("::"))


def test_one_address_is_one_address() -> None:
    own = lan_address()
    if own is None:
        pytest.skip("this machine has no network")
    assert reachable_addresses(own) == (own,)
    assert reachable_addresses(own, ["127.0.0.1"]) == ()


def test_a_name_is_what_it_stands_for() -> None:
    assert "127.0.0.1" in reachable_addresses("localhost", ["127.0.0.1", "::1"])


def test_an_address_of_another_machine_is_not_announced() -> None:
    assert reachable_addresses("0.0.0.0", ["192.0.2.254"]) == ()
