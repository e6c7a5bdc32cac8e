"""`fs.listDir`: folders of the owner's machine, and typed answers for what is none (S3.I-1)."""

from pathlib import Path

import pytest

from protocol.commands.host import MAX_ENTRIES
from tests.device_node.providers.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "node")


async def test_folders_only_by_name(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("b", ".hidden", "a", "ü"):
        (root / name).mkdir(parents=True)
    (root / "file").write_text("x")
    (root / "link").symlink_to("a")
    (root / "broken").symlink_to("nowhere")
    (root / "bad\udcff").mkdir()
    answer = await bench.ask("fs.listDir", {"path": f"{root}/a/.."})
    assert answer["path"] == str(root)
    assert answer["parent"] == str(tmp_path)
    assert answer["home"] == str(Path.home())
    assert answer["entries"] == [
        {"name": name, "path": f"{root}/{name}", "hidden": name.startswith(".")}
        for name in (".hidden", "a", "b", "link", "ü")
    ]


async def test_without_a_path_the_owners_home(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Documents" / "inner").mkdir(parents=True)
    for params in ({}, {"path": "~"}):
        answer = await bench.ask("fs.listDir", params)
        assert answer["path"] == str(tmp_path)
        assert "Documents" in [entry["name"] for entry in answer["entries"]]
    assert (await bench.ask("fs.listDir", {"path": "~/Documents"}))["entries"][0]["name"] == "inner"


async def test_the_root_has_no_parent(bench: Bench) -> None:
    assert (await bench.ask("fs.listDir", {"path": "/"}))["parent"] is None


async def test_a_folder_with_too_much_in_it(bench: Bench, tmp_path: Path) -> None:
    for number in range(MAX_ENTRIES + 5):
        (tmp_path / "many" / f"{number:05}").mkdir(parents=True)
    entries = (await bench.ask("fs.listDir", {"path": str(tmp_path / "many")}))["entries"]
    assert len(entries) == MAX_ENTRIES
    assert entries[-1]["name"] == f"{MAX_ENTRIES - 1:05}"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("relative", "absolute"),
        ("", "absolute"),
        ("/no/such/folder", "no such folder"),
        ("/etc/passwd", "no folder"),
        ("/etc\0/x", "NUL"),
        ("/" + "x" * 300, "too long"),
        ("/" + "x" * 5000, "path"),
        (7, "path"),
    ],
)
async def test_what_is_no_folder(bench: Bench, path: object, why: str) -> None:
    code, text = await bench.refusal("fs.listDir", {"path": path})
    assert code == "INVALID_REQUEST"
    assert why in text
    assert "path" in text


async def test_links_in_a_circle(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    code, text = await bench.refusal("fs.listDir", {"path": str(tmp_path / "one")})
    assert (code, "circle" in text) == ("INVALID_REQUEST", True)
