"""The command policy as a table: platform and family, the owner's lists, and what an approval takes.

Rows S0.3-4, S1.B-5. The table of OpenClaw docs/nodes/command-policy.md (2026.9.6) is repeated here by hand.
"""

import pytest

from gateway.nodes.model import NodeFacts
from gateway.nodes.policy import (
    CANVAS,
    DANGEROUS,
    DEFAULTS,
    CommandPolicy,
    NodeCommandSettings,
    NodeSettings,
    platform_of,
    scopes_to_approve,
)
from protocol.capability import Surface
from protocol.scopes import Scope

DESKTOP_HOST = {
    *("system.run", "system.run.prepare", "system.which", "browser.proxy", "browser.proxy.upload.v1"),
    *("mcp.tools.call.v1", "screen.snapshot", "desktop.stream"),
}
PERSONAL = {"contacts.search", "calendar.events", "reminders.list", "photos.latest"}
MOTION = {"motion.activity", "motion.pedometer"}
PUBLISHED = {
    "ios": {"camera.list", "location.get", "device.info", "device.status", "system.notify"}
    | PERSONAL
    | MOTION,
    "watchos": {"device.info", "device.status", "system.notify"},
    "android": {
        *("camera.list", "location.get", "notifications.list", "notifications.actions", "system.notify"),
        *("device.info", "device.status", "device.permissions", "device.health", "device.apps"),
        *("callLog.search", "mobile.ui.observe", "mobile.ui.act", *PERSONAL, *MOTION),
    },
    "macos": {
        *("camera.list", "camera.ptz.status", "location.get", "device.info", "device.status"),
        *("device.apps", "system.notify", "computer.act", *PERSONAL, *MOTION, *DESKTOP_HOST),
    },
    "windows": {
        *("camera.list", "location.get", "device.info", "device.status", "system.notify", "computer.act"),
        *DESKTOP_HOST,
    },
    "linux": {"system.notify", "computer.act", "camera.list", "location.get", *DESKTOP_HOST},
    "unknown": {"camera.list", "location.get", "system.notify"},
}


def facts(platform: str, family: str | None = None) -> NodeFacts:
    return NodeFacts(
        client_id="node-host", client_mode="node", version="1", platform=platform, device_family=family
    )


def policy(allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> CommandPolicy:
    settings = NodeSettings(commands=NodeCommandSettings(allow=allow, deny=deny))
    return CommandPolicy(lambda: settings)


@pytest.mark.parametrize(
    ("platform", "family", "row"),
    [
        ("ios", None, "ios"),
        ("iOS 18.4", "iPhone", "ios"),
        ("iOS 18.4", "iPad", "ios"),
        ("iPadOS 18.4", "iPad", "ios"),
        ("iOS 18.4", "Mac", "unknown"),
        ("watchOS 11", "Apple Watch", "watchos"),
        ("watchOS 11", "iPhone", "unknown"),
        ("macOS 26.0", "Mac", "macos"),
        ("macos", "Mac", "macos"),
        ("macOS 26.0", "Linux", "unknown"),
        ("Android 15 (SDK 35)", "Android", "android"),
        ("Android 15", "iPhone", "unknown"),
        ("linux", "Linux", "linux"),
        ("linux", None, "linux"),
        ("linux", "", "linux"),
        ("  Linux  ", " linux ", "linux"),
        ("linux", "Mac", "unknown"),
        ("linux 6.8", "Linux", "unknown"),
        ("linux-gnu", "Linux", "unknown"),
        ("windows", "Windows", "windows"),
        ("windows 11", "Windows", "unknown"),
        ("darwin", "Mac", "unknown"),
        ("macosx", "Mac", "unknown"),
        ("not macOS", "Mac", "unknown"),
        ("", None, "unknown"),
    ],
)
def test_a_platform_counts_only_with_a_family_that_fits(platform: str, family: str | None, row: str) -> None:
    assert platform_of(facts(platform, family)) == row


@pytest.mark.parametrize("row", sorted(PUBLISHED))
def test_every_published_default_is_allowed_and_nothing_dangerous(row: str) -> None:
    assert PUBLISHED[row] <= DEFAULTS[row]
    assert not DEFAULTS[row] & DANGEROUS
    assert not DEFAULTS[row] & CANVAS


@pytest.mark.parametrize("row", ["ios", "watchos", "android", "unknown"])
def test_phones_and_strangers_run_no_programs(row: str) -> None:
    assert not DEFAULTS[row] & DESKTOP_HOST


def test_what_goes_beyond_the_published_table_is_known() -> None:
    """Whoever widens a default says so here."""
    beyond = {row: DEFAULTS[row] - PUBLISHED[row] for row in PUBLISHED}
    hosts = {
        *("system.execApprovals.get", "system.execApprovals.set", "fs.listDir", "terminal.upload"),
        "agent.cli.claude.run.v1",
    }
    own = {"device.health", "device.permissions"}
    assert beyond == {
        "ios": {"watch.status", "watch.notify"},
        "watchos": set(),
        "android": set(),
        "macos": hosts | own,
        "linux": hosts | own | {"device.info", "device.status"},
        "windows": hosts | own,
        "unknown": set(),
    }


@pytest.mark.parametrize("command", sorted(DANGEROUS))
def test_dangerous_commands_need_the_owners_word(command: str) -> None:
    claim = Surface.of(commands=[command])
    for platform in ("linux", "macOS 26.0", "iOS 18.4"):
        refusal = policy().refusal(command, facts(platform), claim)
        assert refusal is not None
        assert "requires explicit nodes.commands.allow opt-in" in refusal
        assert policy(allow=(command,)).refusal(command, facts(platform), claim) is None
    refusal = policy(allow=(command,), deny=(command,)).refusal(command, facts("linux"), claim)
    assert refusal is not None
    assert "nodes.commands.deny" in refusal


def test_deny_wins_over_a_default() -> None:
    claim = Surface.of(commands=["system.notify"])
    assert policy().refusal("system.notify", facts("linux"), claim) is None
    assert policy(deny=("system.notify",)).refusal("system.notify", facts("linux"), claim) is not None


def test_an_unknown_command_is_allowed_by_its_exact_name_only() -> None:
    claim = Surface.of(commands=["acme.hello"])
    refusal = policy().refusal("acme.hello", facts("macOS 26.0", "Mac"), claim)
    assert refusal is not None
    assert 'is not in the allowlist for platform "macOS 26.0"' in refusal
    assert policy(allow=("acme.hello",)).refusal("acme.hello", facts("linux"), claim) is None
    for other in ("acme", "acme.*", "ACME.HELLO", "acme.hello "):
        assert policy(allow=(other,)).refusal("acme.hello", facts("linux"), claim) is not None


def test_nothing_makes_a_private_command_public() -> None:
    claim = Surface.of(commands=["worker.launch.v1"])
    refusal = policy(allow=("worker.launch.v1",)).refusal("worker.launch.v1", facts("linux"), claim)
    assert refusal is not None
    assert "private" in refusal


@pytest.mark.parametrize("command", sorted(CANVAS))
def test_both_canvas_generations_come_with_the_cap(command: str) -> None:
    for platform in ("linux", "iOS 18.4", "something"):
        without = policy().refusal(command, facts(platform), Surface.of(commands=[command]))
        assert without is not None
        assert policy().refusal(command, facts(platform), Surface.of(["canvas"], [command])) is None


@pytest.mark.parametrize("claim", [Surface.of(["talk"]), Surface.of(commands=["talk.ptt.start"])])
def test_push_to_talk_comes_with_the_cap_or_any_talk_command(claim: Surface) -> None:
    assert policy().refusal("talk.ptt.once", facts("something"), claim) is None
    assert policy().refusal("talk.other", facts("something"), claim) is not None


def test_what_is_offered_for_approval_leaves_out_what_policy_forbids() -> None:
    claim = Surface.of(
        ["camera", "screen", "system", "canvas"],
        ["camera.snap", "screen.record", "system.notify", "acme.hello"],
        [("camera", True)],
    )
    offered = policy().offered(facts("linux"), claim)
    assert offered == Surface.of(["system", "canvas"], ["system.notify"], [("camera", True)])
    offered = policy(allow=("camera.snap",)).offered(facts("linux"), claim)
    assert offered == Surface.of(
        ["camera", "system", "canvas"], ["camera.snap", "system.notify"], [("camera", True)]
    )


@pytest.mark.parametrize(
    ("commands", "second"),
    [
        ([], None),
        (["system.notify"], Scope.WRITE),
        (["terminal.upload"], Scope.WRITE),
        (["system.run"], Scope.ADMIN),
        (["system.run.prepare"], Scope.ADMIN),
        (["system.which"], Scope.ADMIN),
        (["system.execApprovals.get"], Scope.ADMIN),
        (["system.execApprovals.set"], Scope.ADMIN),
        (["fs.listDir"], Scope.ADMIN),
        (["browser.proxy"], Scope.ADMIN),
        (["browser.proxy.upload.v1"], Scope.ADMIN),
        (["system.notify", "system.run", "camera.list"], Scope.ADMIN),
    ],
)
def test_what_an_approval_takes(commands: list[str], second: Scope | None) -> None:
    expected = (Scope.PAIRING,) if second is None else (Scope.PAIRING, second)
    assert scopes_to_approve(commands) == expected
