"""What the distribution holds and which of its packages stand alone."""

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from scripts.layout import SOURCES, listed_files

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("package", "blocked"), [("protocol", SOURCES[1:]), ("device_node", ("gateway",))])
def test_a_package_imports_without_the_gateway(package: str, blocked: tuple[str, ...]) -> None:
    """DC-3: `protocol` needs neither side, and a device needs no gateway."""
    program = (
        "import importlib, pkgutil, sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"package = importlib.import_module({package!r})\n"
        "names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + '.')]\n"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_the_wheel_holds_every_source_file(tmp_path: Path) -> None:
    """DC-2: schemas travel with the code that reads them; of the pages, what was built of them."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("homarus-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    built = {name for name in packed if name.startswith(("gateway/web/dist/", "protocol/a2ui/dist/"))}
    assert {f"{folder}/dist/index.html" for folder in ("gateway/web", "protocol/a2ui")} <= built
    listed = {path for path in listed_files(ROOT) if path.startswith(tuple(f"{s}/" for s in SOURCES))}
    assert packed - built == {path for path in listed if "/page/" not in path}


def test_the_homarus_command_is_installed() -> None:
    """DC-1: one command runs the gateway."""
    (command,) = entry_points(group="console_scripts", name="homarus")
    assert command.value == "gateway.cli:main"


def test_the_planned_dependencies_are_declared() -> None:
    """DC-2: the ten packages the plan names, voice ones in their own extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(group: list[str]) -> set[str]:
        return {requirement.partition(">")[0].partition("[")[0] for requirement in group}

    extras = project["optional-dependencies"]
    core = {"starlette", "websockets", "uvicorn", "msgspec", "aiosqlite", "cryptography"}
    assert core <= names(project["dependencies"])
    assert names(extras["voice"]) == {"pvporcupine", "vosk", "sounddevice"}
    assert "pytest-asyncio" in names(extras["dev"])
