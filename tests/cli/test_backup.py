"""`homarus backup`: live and whole, and a restore that takes nothing back that was taken away."""

import asyncio
import contextlib
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from tests.cli.command import ask, ask_async, one_line_error, run
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, RpcError, WireClient

PASSPHRASE = "correct horse battery staple"


def tree(root: Path) -> dict[str, bytes]:
    """Every plain file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def write_until(
    stop: asyncio.Event, client: WireClient, writer: int, acknowledged: dict[int, int]
) -> None:
    """Commit numbered sessions one after the other."""
    number = 0
    while not stop.is_set():
        await client.call("sessions.create", {"key": f"agent:main:w{writer}-{number}"})
        acknowledged[writer] = number = number + 1


def wait_for_tenth(acknowledged: dict[int, int]) -> None:
    """Return when every writer has ten commits."""
    while min(acknowledged.values()) < 10:
        time.sleep(0.01)


async def stored(daemon: Daemon) -> dict[int, set[int]]:
    """Numbers of the stored sessions by writer."""
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        page = await client.call("sessions.list", {"limit": 1000})
    found: dict[int, set[int]] = {}
    for row in page["sessions"]:
        writer, dash, number = str(row["key"]).removeprefix("agent:main:w").partition("-")
        if dash and writer.isdigit():
            found.setdefault(int(writer), set()).add(int(number))
    return found


async def test_a_backup_under_load_holds_one_commit_point(daemon: Daemon, tmp_path: Path) -> None:
    """Restored state is a prefix of every writer's commits that holds all acknowledged before the backup."""
    acknowledged = dict.fromkeys(range(3), 0)
    stop = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        writers: list[asyncio.Task[None]] = []
        for writer in acknowledged:
            client = await stack.enter_async_context(await WireClient.open(daemon.ws_url, token=daemon.token))
            await client.connect()
            writers.append(asyncio.create_task(write_until(stop, client, writer, acknowledged)))
        await asyncio.to_thread(lambda: wait_for_tenth(acknowledged))
        before = dict(acknowledged)
        made = await ask_async(daemon, "backup", "create", tmp_path / "load.tar")
        after = dict(acknowledged)
        stop.set()
        await asyncio.gather(*writers)
    assert made.code == 0, made.err
    assert sum(after.values()) > sum(before.values()), "nobody wrote during the backup"
    copy = Daemon(tmp_path / "elsewhere", token=daemon.token)
    shutil.rmtree(copy.home)
    assert run(copy.env, "backup", "restore", tmp_path / "load.tar").code == 0
    async with copy:
        for writer, numbers in (await stored(copy)).items():
            assert numbers == set(range(len(numbers))), "a later commit without an earlier one"
            assert before[writer] <= len(numbers) <= after[writer] + 1


async def test_a_revoked_token_stays_revoked_after_a_restore(daemon: Daemon, tmp_path: Path) -> None:
    """Attack case 21: the backup still holds the token as valid."""
    kept, revoked = DeviceKey(), DeviceKey()
    tokens: dict[str, str] = {}
    for key in (kept, revoked):
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            hello = await client.connect(identity=key)
            tokens[key.id] = hello["auth"]["deviceToken"]
    await ask_async(daemon, "backup", "create", tmp_path / "before.tar")
    assert (await ask_async(daemon, "devices", "revoke", revoked.id)).code == 0
    await daemon.stop()
    restored = await ask_async(daemon, "backup", "restore", tmp_path / "before.tar", "--yes")
    assert restored.code == 0, restored.err
    await daemon.start()
    async with await WireClient.open(daemon.ws_url) as client:
        assert await client.connect(identity=kept, auth={"deviceToken": tokens[kept.id]})
    async with await WireClient.open(daemon.ws_url) as client:
        with pytest.raises(RpcError):
            await client.connect(identity=revoked, auth={"deviceToken": tokens[revoked.id]})


def test_a_changed_shared_token_is_not_changed_back(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "d", token=None)
    daemon.launch()
    ask(daemon, "backup", "create", tmp_path / "b.tar")
    daemon.shut_down()
    token = daemon.home / "keys" / "gateway.token"
    token.write_text("a-token-made-after-the-backup-42\n", encoding="utf-8")
    restored = ask(daemon, "backup", "restore", tmp_path / "b.tar", "--yes", "--json").json
    assert restored["keptToken"] is True
    assert token.read_text(encoding="utf-8") == "a-token-made-after-the-backup-42\n"


def test_restoring_keeps_the_former_home_aside(daemon: Daemon, tmp_path: Path) -> None:
    (daemon.home / "workspaces" / "main").mkdir(parents=True, exist_ok=True)
    (daemon.home / "workspaces" / "main" / "NOTES.md").write_text("before", encoding="utf-8")
    (daemon.home / "blobs" / "ab").mkdir(parents=True)
    (daemon.home / "blobs" / "ab" / "abc").write_bytes(b"attachment")
    made = ask(daemon, "backup", "create", tmp_path, "--json")
    path = Path(made.json["path"])
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600
    assert not any((daemon.home / "backups").iterdir())
    one_line_error(ask(daemon, "backup", "restore", path, "--yes"), 1)
    daemon.shut_down()
    one_line_error(ask(daemon, "backup", "restore", path), 2)
    (daemon.home / "workspaces" / "main" / "NOTES.md").write_text("after", encoding="utf-8")
    restored = ask(daemon, "backup", "restore", path, "--yes", "--json").json
    assert (daemon.home / "workspaces" / "main" / "NOTES.md").read_text(encoding="utf-8") == "before"
    assert (daemon.home / "blobs" / "ab" / "abc").read_bytes() == b"attachment"
    assert (Path(restored["replaced"]) / "workspaces" / "main" / "NOTES.md").read_text(
        encoding="utf-8"
    ) == "after"
    loose = [entry for entry in daemon.home.rglob("*") if entry.stat().st_mode & 0o077]
    assert not loose, "state files stay private after a restore"
    daemon.launch()


def test_a_damaged_backup_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "b.tar"
    ask(daemon, "backup", "create", path)
    daemon.shut_down()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = tree(daemon.home)
    one_line_error(ask(daemon, "backup", "verify", path), 1)
    one_line_error(ask(daemon, "backup", "restore", path, "--yes"), 1)
    assert tree(daemon.home).keys() == before.keys() | {"gateway.lock"}
    assert {name: data for name, data in tree(daemon.home).items() if name != "gateway.lock"} == {
        name: data for name, data in before.items() if name != "gateway.lock"
    }
    assert [entry.name for entry in daemon.home.parent.iterdir() if "restoring" in entry.name] == []


def test_an_encrypted_backup(daemon: Daemon, tmp_path: Path) -> None:
    env = {"HOMARUS_BACKUP_PASSPHRASE": PASSPHRASE}
    path = tmp_path / "b.sealed"
    assert ask(daemon, "backup", "create", path, "--encrypt", **env).code == 0
    assert not tarfile.is_tarfile(path)
    assert path.stat().st_mode & 0o777 == 0o600
    token = (daemon.home / "keys" / "device-tokens.key").read_bytes().strip()
    assert token not in path.read_bytes()
    assert ask(daemon, "backup", "verify", path, **env).code == 0
    assert "passphrase" in one_line_error(
        ask(daemon, "backup", "verify", path, HOMARUS_BACKUP_PASSPHRASE="no"), 1
    )
    one_line_error(ask(daemon, "backup", "verify", path), 2)
    target = tmp_path / "home"
    assert run({**os.environ, **env}, "backup", "restore", path, "--home", target).code == 0
    assert (target / "keys" / "device-tokens.key").read_bytes().strip() == token
    one_line_error(
        ask(daemon, "backup", "create", tmp_path / "c", "--encrypt", HOMARUS_BACKUP_PASSPHRASE="short"), 2
    )


def test_a_file_is_never_overwritten(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "mine.tar"
    path.write_text("precious", encoding="utf-8")
    said = one_line_error(ask(daemon, "backup", "create", path), 1)
    assert path.read_text(encoding="utf-8") == "precious"
    assert str(daemon.home / "backups") in said, "the finished backup is not lost"


def test_links_in_a_workspace_are_left_out_and_named(daemon: Daemon, tmp_path: Path) -> None:
    workspace = daemon.home / "workspaces" / "main"
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "link").symlink_to("/etc/passwd")
    made = ask(daemon, "backup", "create", tmp_path / "b.tar")
    assert "workspaces/main/link" in made.out
    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
    assert "workspaces/main/link" not in names
    assert not [name for name in names if name.startswith(("logs/", "backups/")) or ".before-" in name]


async def test_only_one_backup_at_a_time_and_only_for_admins(daemon: Daemon) -> None:
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        first = await client.request("backup.create")
        second = await client.request("backup.create")
        assert (await client.response(second))["error"]["retryable"] is True
        assert (await client.response(first))["ok"] is True
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as reader:
        await reader.connect(scopes=["operator.read", "operator.write"])
        with pytest.raises(RpcError, match="missing scope"):
            await reader.call("backup.create")


def test_what_a_crash_left_behind_is_removed(daemon: Daemon) -> None:
    leftover = daemon.home / "backups" / ".making-x" / "state"
    leftover.mkdir(parents=True)
    daemon.kill()
    daemon.launch()
    for _ in range(100):
        if not leftover.parent.exists():
            break
        ask(daemon, "gateway", "health")
    assert not leftover.parent.exists()
