"""Host and Origin allow-lists (attack cases 1-4 and 24)."""

import pytest

from gateway.kernel.net.origin import OriginPolicy, RequestRefused, host_name, is_loopback

POLICY = OriginPolicy(
    scheme="http",
    allowed_hosts=frozenset({"desk.example"}),
    allowed_origins=frozenset({"https://good.example"}),
    trusted_proxies=frozenset({"10.0.0.1"}),
)


@pytest.mark.parametrize(
    "host",
    ["localhost:18789", "127.0.0.1", "[::1]:18789", "192.168.1.4:18789", "desk.example", "DESK.example:1"],
)
def test_own_names_and_addresses_are_accepted(host: str) -> None:
    POLICY.check_host(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "desk.example.evil", "", None, "127.0.0.1.evil.example"],
)
def test_rebound_names_are_refused(host: str | None) -> None:
    with pytest.raises(RequestRefused) as refused:
        POLICY.check_host(host)
    assert refused.value.status == 421


def test_only_the_exact_own_origin_is_the_own_page() -> None:
    assert POLICY.check_origin("http://localhost:1", "localhost:1") is True
    assert POLICY.check_origin("https://good.example", "localhost:1") is False
    assert POLICY.check_origin(None, "localhost:1") is False


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://localhost:2",
        "https://localhost:1",
        "HTTP://LOCALHOST:1",
        "http://localhost:1.evil.example",
        "https://good.example.evil.com",
        "https://good.example@evil.com",
        "https://good.example/",
        "",
    ],
)
def test_every_other_origin_is_refused(origin: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        POLICY.check_origin(origin, "localhost:1")
    assert refused.value.status == 403


def test_forwarding_headers_count_only_from_configured_proxies() -> None:
    assert POLICY.client_ip("127.0.0.1", {}) == ("127.0.0.1", True)
    assert POLICY.client_ip("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 203.0.113.5"}) == ("203.0.113.5", False)
    assert POLICY.client_ip("10.0.0.1", {"x-forwarded-for": "not an address"}) == ("10.0.0.1", False)
    for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
        with pytest.raises(RequestRefused) as refused:
            POLICY.client_ip("127.0.0.1", {header: "203.0.113.5"})
        assert refused.value.kind == "proxy_attribution_required"


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.example:1", "a.example"), ("[::1]:80", "::1"), ("::1", "::1"), ("localhost", "localhost")],
)
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("x", False),
    ],
)
def test_is_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
