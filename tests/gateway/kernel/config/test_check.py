"""Faults are found all at once and named by path."""

from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from msgspec import Meta

from gateway.kernel.config.check import Checker
from gateway.kernel.config.gateway import GatewaySettings, LoggingSettings, secret_weakness
from gateway.kernel.config.settings import ConfigIssue, Settings, SettingsPart
from gateway.kernel.secret import SecretResolver


class Account(SettingsPart):
    """One of several."""

    retries: Annotated[int, Meta(ge=0)] = 3


class SampleSettings(Settings):
    """A feature's section."""

    section: ClassVar[str] = "sample"
    enabled: bool = True
    ratio: float = 1.0
    accounts: dict[str, Account] = {}  # noqa: RUF012 - a struct copies its defaults
    steps: tuple[Account, ...] = ()


def faults(tree: dict[str, object]) -> list[str]:
    checker = Checker(
        [SampleSettings, GatewaySettings, LoggingSettings], SecretResolver(Path("/nowhere"), {})
    )
    return [str(issue) for issue in checker.check(tree)[1]]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, []),
        ({"sample": {"enabled": "yes"}}, ["sample.enabled: expected bool, got string"]),
        ({"sample": {"enabled": 1}}, ["sample.enabled: expected bool, got integer"]),
        ({"sample": {"ratio": 2}}, []),
        ({"sample": 3}, ["sample: expected table, got integer"]),
        ({"sample": {"enabeld": True}}, ["sample.enabeld: unknown key; did you mean enabled?"]),
        ({"smaple": {}}, ["smaple: unknown key; did you mean sample?"]),
        (
            {"sample": {"accounts": {"b": {"retries": -1}}}},
            ["sample.accounts.b.retries: expected integer >= 0"],
        ),
        (
            {"sample": {"steps": [{}, {"retries": "x"}]}},
            ["sample.steps[1].retries: expected integer, got string"],
        ),
        ({"sample": {"steps": {}}}, ["sample.steps: expected array, got table"]),
        ({"gateway": {"port": 70000}}, ["gateway.port: expected integer <= 65535"]),
        ({"gateway": {"host": ""}}, ["gateway.host: expected string of length >= 1"]),
        (
            {"gateway": {"auth": {"mode": "open"}}},
            ['gateway.auth.mode: expected one of "token", "password", "none"'],
        ),
        (
            {"gateway": {"auth": {"token": {"env": "A", "file": "b"}}}},
            ['gateway.auth.token: expected text, { env = "NAME" } or { file = "path" }'],
        ),
        (
            {"gateway": {"auth": {"token": {"env": "ABSENT"}}}},
            ["gateway.auth.token: environment variable ABSENT is not set"],
        ),
        (
            {"gateway": {"allowed_origins": ["https://ok.example", "https://a.example/path"]}},
            ["gateway.allowed_origins[1]: expected scheme://host[:port] without a path"],
        ),
        (
            {"gateway": {"trusted_proxies": ["10.0.0.1", "10.0.0.0/8"]}},
            ["gateway.trusted_proxies[1]: expected an IP address"],
        ),
        (
            {"gateway": {"public_url": "ftp://x"}},
            ["gateway.public_url: expected an http:// or https:// address"],
        ),
        (
            {"gateway": {"tls": {"cert": "a.pem"}}},
            ["gateway.tls: cert and key belong together: set both or neither"],
        ),
    ],
)
def test_each_fault_has_its_path(tree: dict[str, object], expected: list[str]) -> None:
    assert faults(tree) == expected


def test_all_faults_are_told_at_once() -> None:
    found = faults({"sample": {"enabled": 3, "x": 1}, "logging": {"level": "loud"}, "other": {}})
    assert [fault.split(":")[0] for fault in found] == [
        "other",
        "sample.x",
        "sample.enabled",
        "logging.level",
    ]


def test_a_faulty_section_leaves_the_others_usable() -> None:
    checker = Checker([SampleSettings, LoggingSettings], SecretResolver(Path("/nowhere"), {}))
    values, issues = checker.check({"sample": {"enabled": 3}, "logging": {"level": "error"}})
    assert [issue.path for issue in issues] == ["sample.enabled"]
    assert values["logging"] == LoggingSettings(level="error")
    assert "sample" not in values


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])
def test_open_gateway_on_a_network_address_is_unsafe(host: str) -> None:
    """S0.3-1: 0.0.0.0 needs auth."""
    problems = list(GatewaySettings(host=host, auth=GatewaySettings().auth).problems())
    assert problems == []
    checker = Checker([GatewaySettings], SecretResolver(Path("/nowhere"), {}))
    _, issues = checker.check({"gateway": {"host": host, "auth": {"mode": "none"}}})
    assert [(issue.path, issue.unsafe) for issue in issues] == [("gateway.auth.mode", True)]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_open_gateway_on_loopback_is_allowed(host: str) -> None:
    checker = Checker([GatewaySettings], SecretResolver(Path("/nowhere"), {}))
    assert checker.check({"gateway": {"host": host, "auth": {"mode": "none"}}})[1] == []


def test_password_mode_needs_a_password() -> None:
    checker = Checker([GatewaySettings], SecretResolver(Path("/nowhere"), {}))
    _, issues = checker.check({"gateway": {"auth": {"mode": "password"}}})
    assert issues == [
        ConfigIssue("gateway.auth.password", 'auth mode "password" needs a password', unsafe=True)
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        " ",
        "undefined",
        "NULL",
        "none",
        "ChangeMe",
        "[object Object]",
        "a" * 40,
        "x y\x00zabcd",
        " padded-secret",
        "abc",
    ],
)
def test_weak_secrets_are_refused_everywhere(secret: str) -> None:
    """Attack case 13."""
    weakness = secret_weakness(secret, loopback=True)
    assert weakness
    assert not secret.strip() or secret.strip() not in weakness or secret in {"a" * 40, "none", "abc"}


def test_secret_length_depends_on_who_can_guess() -> None:
    assert secret_weakness("k3m9-x2q", loopback=True) == ""
    assert "at least 16" in secret_weakness("k3m9-x2q", loopback=False)
    assert secret_weakness("k3m9-x2q-77ab-pq", loopback=False) == ""
