"""How the control page is built, and that it cannot drift from the contract (rows DC-2, S0.3-1)."""

import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from protocol.catalog import all_events, all_methods
from scripts import page, wire_types

ROOT = Path(__file__).parents[2]
CONTROL_PAGE = next(each for each in page.PAGES if each.name == "control page")


def test_building_again_is_immediate() -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts/page.py")]
    subprocess.run(command, check=True, capture_output=True)
    started = time.monotonic()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert time.monotonic() - started < 0.5
    assert again.stderr == ""


def test_what_is_built_depends_on_every_source_and_on_nothing_generated(tmp_path: Path) -> None:
    sources = ("src", "package.json")
    any_page = page.Page("any page", tmp_path, sources, tmp_path / "src/client/wire.ts")
    (tmp_path / "src/client").mkdir(parents=True)
    for name in ("src/main.ts", "src/client/wire.ts", "package.json"):
        (tmp_path / name).write_text("1")
    before = page.digest(any_page, sources)
    (tmp_path / "src/client/wire.ts").write_text("2")
    assert page.digest(any_page, sources) == before
    (tmp_path / "src/main.ts").write_text("2")
    assert page.digest(any_page, sources) != before


@pytest.mark.parametrize(("says", "problem"), [(None, "need Node"), ("v18.20.1", "18.20")])
def test_without_a_fitting_node_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, problem: str
) -> None:
    for name in ("node", "npm") if says else ():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere/python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(page.NoNode, match=problem):
        page.node_folder()
    # The wheel's build brings its own then.
    assert page.get_build_hook().dependencies(None) == [page.NODE_PACKAGE]  # type: ignore[arg-type]


def test_the_types_name_every_method_and_event() -> None:
    text = wire_types.module()
    for name in (*all_methods(), *all_events()):
        assert f'  "{name}": ' in text


def test_a_page_that_no_longer_fits_the_contract_fails_its_type_check(tmp_path: Path) -> None:
    for name in ("src", "tests", "tsconfig.json", "vite.config.ts", "package.json"):
        source = CONTROL_PAGE.folder / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(CONTROL_PAGE.folder / "node_modules")
    wire = tmp_path / "src/client/wire.ts"
    wire_types.main(wire)
    assert type_check(tmp_path) == ""
    text = wire.read_text()
    wire.write_text(text.replace('"idempotencyKey": string', '"idempotenceKey": string'))
    assert "idempotencyKey" in type_check(tmp_path)


def type_check(folder: Path) -> str:
    """What the TypeScript compiler has to say about a copy of the page."""
    node = page.node_folder() / "node"
    command = [str(node), str(folder / "node_modules/typescript/bin/tsc"), "--noEmit"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True).stdout
