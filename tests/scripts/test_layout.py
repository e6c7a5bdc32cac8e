"""scripts/layout.py finds what it is there to find."""

import subprocess
from pathlib import Path

import pytest

from scripts.layout import feature_problems, main, module_problems, top_level_problems


def test_a_stray_top_level_name_is_named() -> None:
    """DC-3: the repository's layout is fixed."""
    paths = ["gateway/app.py", "README.md", ".ci/run", "notes.txt", "lib/x.py"]
    assert list(top_level_problems(paths)) == [
        "lib: not one of the top-level names",
        "notes.txt: not one of the top-level names",
    ]


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (["gateway/cron/utils.py"], "gateway/cron/utils.py: name the subject instead"),
        (
            ["gateway/cron/001_jobs.sql"],
            "gateway/cron/001_jobs.sql: SQL files are <feature>/schema/NNN_what.sql",
        ),
        (
            ["gateway/cron/schema/001_jobs.sql"],
            "gateway/cron/schema/001_jobs.sql: a schema belongs to the store.py beside it",
        ),
        (["gateway/cron/store.py", "gateway/cron/schema/001_jobs.sql", "tests/utils.py"], None),
    ],
)
def test_feature_folders(paths: list[str], problem: str | None) -> None:
    assert list(feature_problems(paths)) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n" * 401, "gateway/a.py: 401 lines, 400 allowed"),
        ("def f() -> None:\n" + "    print()\n" * 40, "gateway/a.py:1: f has 41 lines, 40 allowed"),
        ('def f() -> None:\n    """A\n    B\n    """\n' + "    print()\n" * 39, None),
        (
            "loop.create_task(x())\n",
            "gateway/a.py:1: only gateway/kernel/supervisor.py creates tasks",
        ),
    ],
)
def test_modules(text: str, problem: str | None) -> None:
    assert list(module_problems("gateway/a.py", text)) == ([problem] if problem else [])


def test_the_report_fails_on_an_untracked_stray_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "app.py").write_text('"""App."""\n')
    assert main(tmp_path) == 0
    (tmp_path / "junk.py").write_text("")
    assert main(tmp_path) == 1
    assert "junk.py: not one of the top-level names" in capsys.readouterr().out
