"""Boot from what is good, apply what passes, say what does not."""

import asyncio
import stat
from pathlib import Path
from typing import ClassVar

import pytest

from gateway.kernel.config.gateway import GatewaySettings, LoggingSettings
from gateway.kernel.config.overrides import Overrides
from gateway.kernel.config.settings import Settings
from gateway.kernel.config.store import Applied, ConfigStore, StartRefused
from gateway.kernel.health import HealthBoard
from gateway.kernel.home import Home
from gateway.kernel.secret import Secret
from protocol.errors import Conflict, InvalidRequest, Unavailable
from tests.support.clock import FakeClock


class CronSettings(Settings):
    """A feature's section."""

    section: ClassVar[str] = "cron"
    restart: ClassVar[frozenset[str]] = frozenset({"workers"})
    enabled: bool = True
    workers: int = 1
    hook: Secret | None = None


KINDS = (GatewaySettings, LoggingSettings, CronSettings)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def boot(home: Home, overrides: Overrides | None = None, **env: str) -> ConfigStore:
    return ConfigStore.boot(home, KINDS, overrides, env)


def write(home: Home, text: str) -> None:
    home.config_path.write_text(text)


async def settle(store: ConfigStore) -> None:
    """Two polls: one sees the change, one sees that it is over."""
    await store.poll()
    await store.poll()


def token(store: ConfigStore) -> str:
    secret = store.get(GatewaySettings).auth.token
    assert secret is not None
    return secret.reveal()


def test_first_start_generates_a_strong_private_token(home: Home) -> None:
    store = boot(home)
    key = home.keys_dir / "gateway.token"
    assert len(token(store)) >= 43
    assert key.read_text().strip() == token(store)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.keys_dir.stat().st_mode) == 0o700
    assert token(boot(home)) == token(store)
    assert (store.source, store.exists, store.issues) == ("file", False, ())
    assert token(store) not in repr(store.get(GatewaySettings)) + str(store.effective)


def test_a_file_others_can_read_is_made_private(home: Home) -> None:
    write(home, "")
    home.config_path.chmod(0o644)
    boot(home)
    assert stat.S_IMODE(home.config_path.stat().st_mode) == 0o600


def test_flags_beat_environment_beats_file(home: Home) -> None:
    write(home, '[gateway]\nport = 1\nhost = "::1"\nauth.token = "from-file-123"\n')
    assert token(boot(home)) == "from-file-123"
    assert token(boot(home, HOMARUS_TOKEN="from-env-1234")) == "from-env-1234"
    store = boot(
        home, Overrides(token="from-flag-123", port=7, host="127.0.0.1"), HOMARUS_TOKEN="from-env-1234"
    )
    assert token(store) == "from-flag-123"
    settings = store.get(GatewaySettings)
    assert (settings.port, settings.host) == (7, "127.0.0.1")
    assert store.tree == {
        "gateway": {"port": 1, "host": "::1", "auth": {"token": "__OPENCLAW_REDACTED__"}}
    }, "overrides are never part of the file"


@pytest.mark.parametrize(
    ("overrides", "env"),
    [
        (Overrides(token="undefined"), {}),
        (Overrides(token=""), {}),
        (Overrides(token="   "), {}),
        (Overrides(token="null"), {}),
        (Overrides(token="short"), {}),
        (Overrides(token="ab-1" * 250_000), {}),
        (Overrides(token="nul\x00-in-the-middle"), {}),
        (Overrides(), {"HOMARUS_TOKEN": ""}),
        (Overrides(), {"HOMARUS_TOKEN": "changeme"}),
        (Overrides(auth="none", host="0.0.0.0"), {}),
        (Overrides(token="only-12-long", host="0.0.0.0"), {}),
        (Overrides(auth="password"), {}),
        (Overrides(auth="open"), {}),
    ],
)
def test_unsafe_starts_are_refused(home: Home, overrides: Overrides, env: dict[str, str]) -> None:
    """S0.3-1, attack case 13: also when a good configuration is known from before."""
    write(home, '[logging]\nlevel = "debug"\n')
    boot(home)
    with pytest.raises(StartRefused, match=r"gateway\.auth\."):
        boot(home, overrides, **env)


@pytest.mark.parametrize(
    "secret", ['"undefined"', '""', '" "', '"null"', '"x"', '"\\u0000aaaa-bbbb"', '{ env = "NO" }']
)
def test_a_placeholder_in_the_file_refuses_the_first_start(home: Home, secret: str) -> None:
    write(home, f"[gateway.auth]\ntoken = {secret}\n")
    with pytest.raises(StartRefused, match=r"gateway\.auth\.token"):
        boot(home)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[gateway\n",
        '[cron]\nenabled = "yes"\n',
        "\x00\x01\x02",
        'future = 1\n[gateway.auth]\ntoken = "undefined"\n',
        '[gateway]\nhost = "0.0.0.0"\nauth.mode = "none"\n',
        None,
    ],
)
def test_a_broken_file_boots_the_last_good_one(home: Home, broken: str | None) -> None:
    """R7: never silently empty, never a reason not to boot."""
    write(home, "[cron]\nworkers = 5\n")
    boot(home)
    if broken is None:
        home.config_path.unlink()
    else:
        write(home, broken)
    store = boot(home)
    health = HealthBoard(FakeClock())
    store.report_to(health)
    assert store.source == "last-good"
    assert store.issues
    assert store.get(CronSettings).workers == 5
    assert health.failing() == ["config"]
    assert "last good settings" in health.parts()["config"].detail
    assert stat.S_IMODE(home.last_good_path.stat().st_mode) == 0o600


def test_without_a_last_good_one_the_good_sections_count(home: Home) -> None:
    write(home, '[cron]\nenabled = 3\n[logging]\nlevel = "error"\n')
    store = boot(home)
    assert store.source == "defaults"
    assert store.get(LoggingSettings).level == "error"
    assert store.get(CronSettings).enabled is True
    assert [str(issue) for issue in store.issues] == ["cron.enabled: expected bool, got integer"]


def test_both_files_broken_still_boot_with_defaults(home: Home) -> None:
    write(home, "= 1")
    home.last_good_path.write_text("= 2")
    store = boot(home)
    assert (store.source, store.get(CronSettings).workers) == ("defaults", 1)


def test_a_flag_does_not_hide_the_fault_below_it(home: Home) -> None:
    write(home, '[gateway]\nport = "x"\n')
    store = boot(home, Overrides(port=0))
    assert [issue.path for issue in store.issues] == ["gateway.port"]
    assert store.get(GatewaySettings).port == 0


async def test_what_is_written_boots_without_the_flags_of_today(home: Home) -> None:
    store = boot(home, Overrides(token="flag-token-1234567", host="127.0.0.1"))
    with pytest.raises(InvalidRequest, match=r"gateway\.auth\.mode"):
        await store.replace({"gateway": {"host": "0.0.0.0", "auth": {"mode": "none"}}}, None)


async def test_watchers_hear_of_their_section_only(home: Home) -> None:
    store = boot(home)
    seen: list[tuple[CronSettings, CronSettings]] = []
    applied: list[Applied] = []
    store.watch(CronSettings, lambda old, new: seen.append((old, new)))
    store.on_applied(applied.append)
    write(home, '[logging]\nlevel = "debug"\n')
    await settle(store)
    assert seen == []
    write(home, "[cron]\nenabled = false\n")
    await settle(store)
    assert [(old.enabled, new.enabled) for old, new in seen] == [(True, False)]
    assert [change.changed for change in applied] == [("logging",), ("logging", "cron")]


async def test_one_feature_that_fails_keeps_nobody_from_a_change(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    store = boot(home)
    seen: list[int] = []

    def stubborn(_old: CronSettings, _new: CronSettings) -> None:
        raise RuntimeError("cannot")

    store.watch(CronSettings, stubborn)
    store.watch(CronSettings, lambda _, new: seen.append(new.workers))
    applied = await store.replace({"cron": {"enabled": False}}, None)
    assert seen == [1]
    assert applied.restart == ("cron",)
    assert "restart the gateway" in caplog.text


async def test_a_disk_that_refuses_is_told(home: Home) -> None:
    store = boot(home)
    home.config_path.mkdir()  # in the way of the file; a full disk answers the same way
    await store.reload()
    with pytest.raises(Unavailable, match=r"homarus\.toml cannot be written"):
        await store.replace({"cron": {"workers": 2}}, store.hash)
    assert store.get(CronSettings).workers == 1


async def test_a_half_saved_file_is_left_alone(home: Home) -> None:
    store = boot(home)
    write(home, "[cron]\nworkers =")
    await store.poll()
    write(home, "[cron]\nworkers = 8\n# done\n")
    await store.poll()
    assert store.issues == ()
    await store.poll()
    assert store.get(CronSettings).workers == 8


async def test_faults_of_a_running_gateway_are_told_and_cleared(home: Home) -> None:
    store = boot(home)
    health = HealthBoard(FakeClock())
    store.report_to(health)
    write(home, "[cron]\nworkers = 2\n")
    await settle(store)
    write(home, "[cron]\nworkers = 'x'\n")
    await settle(store)
    assert store.get(CronSettings).workers == 2
    assert health.failing() == ["config"]
    home.config_path.unlink()
    await settle(store)
    assert store.get(CronSettings).workers == 2
    assert "missing" in health.parts()["config"].detail
    write(home, "[cron]\nworkers = 3\n")
    await settle(store)
    assert (health.failing(), store.get(CronSettings).workers) == ([], 3)


async def test_restart_only_changes_wait(home: Home) -> None:
    store = boot(home)
    applied = await store.replace({"cron": {"workers": 4, "enabled": False}}, None)
    assert applied.restart == ("cron.workers",)
    assert store.pending_restart == ("cron.workers",)
    assert store.revision != store.applied_revision
    back = await store.replace({"cron": {"enabled": False}}, applied.hash)
    assert back.restart == ()
    assert store.revision == store.applied_revision
    assert boot(home).pending_restart == ()


async def test_a_write_over_an_unseen_edit_conflicts(home: Home) -> None:
    store = boot(home)
    first = await store.replace({"cron": {"workers": 1}}, None)
    write(home, "[cron]\nworkers = 2 # by hand\n")
    with pytest.raises(Conflict):
        await store.replace({"cron": {"workers": 3}}, first.hash)
    assert store.get(CronSettings).workers == 2
    await store.replace({"cron": {"workers": 3}}, store.hash)
    assert home.config_path.read_text() == "[cron]\nworkers = 3 # by hand\n"


async def test_concurrent_writes_from_one_hash_keep_one(home: Home) -> None:
    store = boot(home)
    base = (await store.replace({"cron": {"workers": 0}}, None)).hash
    results = await asyncio.gather(
        *(store.replace({"cron": {"workers": number}}, base) for number in range(1, 9)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Applied) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7


async def test_a_refused_write_leaves_file_and_settings(home: Home) -> None:
    store = boot(home)
    await store.replace({"cron": {"workers": 2}}, None)
    text = home.config_path.read_text()
    with pytest.raises(InvalidRequest, match=r"cron\.workers: expected integer, got string") as refused:
        await store.replace({"cron": {"workers": "x"}}, store.hash)
    assert refused.value.details["issues"] == [
        {"path": "cron.workers", "message": "expected integer, got string"}
    ]
    assert home.config_path.read_text() == text


async def test_secrets_survive_a_hundred_round_trips(home: Home) -> None:
    """Attack case 44."""
    store = boot(home)
    secret = 'we"ird \\ sécret\n\t#='
    await store.replace({"cron": {"hook": secret}, "gateway": {"auth": {"token": "tok-1234-abcd"}}}, None)
    before = home.config_path.read_bytes()
    for _ in range(100):
        await store.replace(store.tree, store.hash)
    assert home.config_path.read_bytes() == before
    hook = store.get(CronSettings).hook
    assert hook is not None
    assert hook.reveal() == secret


async def test_reload_reads_rotated_secret_files(home: Home) -> None:
    (home.keys_dir / "hook").write_text("first-value")
    write(home, '[cron]\nhook = { file = "keys/hook" }\n')
    store = boot(home)
    seen: list[str] = []
    store.watch(CronSettings, lambda _, new: seen.append(new.hook.reveal() if new.hook else ""))
    (home.keys_dir / "hook").write_text("second-value\n")
    await store.reload()
    assert seen == ["second-value"]
    assert store.secret_texts() >= {"second-value"}


async def test_a_linked_file_stays_a_link(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("# mine\n")
    home.config_path.symlink_to(target)
    store = boot(home)
    await store.replace({"cron": {"workers": 9}}, store.hash)
    assert home.config_path.is_symlink()
    assert target.read_text() == "# mine\n\n[cron]\nworkers = 9\n"
