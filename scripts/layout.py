"""Report the size and shape of the house, and fail where it leaves the plan.

Usage: python scripts/layout.py [ROOT]
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

SOURCES = ("protocol", "gateway", "device_node")
TOP_LEVEL = {
    *SOURCES,
    "tests",
    "scripts",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
}

# Longer than this and a reader scrolls; every file that grew past it so far held two subjects.
MAX_FILE_LINES = 400
# One screen. The docstring is not counted: saying more about a function must never cost.
MAX_FUNCTION_LINES = 40

# A name that says nothing about its subject collects everything.
VAGUE_NAMES = {"common", "helper", "helpers", "misc", "shared", "util", "utils"}
MIGRATION = re.compile(r"\d{3}_[a-z0-9_]+\.sql")
SUPERVISORS = {"gateway": "gateway/kernel/supervisor.py", "device_node": "device_node/supervisor.py"}


@dataclass(frozen=True)
class Function:
    """One function, its place and its length without the docstring."""

    name: str
    line: int
    lines: int


def listed_files(root: Path) -> list[str]:
    """Paths git tracks or would add, relative to `root`; deleted ones left out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sorted(path for path in set(listing.split("\0")) if path and (root / path).is_file())


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        yield Function(node.name, node.lineno, lines)


def top_level_problems(paths: Iterable[str]) -> Iterator[str]:
    """Names at the top of the checkout that the plan does not know."""
    for name in sorted({path.partition("/")[0] for path in paths}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield f"{name}: not one of the top-level names"


def feature_problems(paths: Iterable[str]) -> Iterator[str]:
    """Files of the sources that are misnamed or in the wrong folder."""
    known = set(paths)
    for path in sorted(known):
        parts = path.split("/")
        if parts[0] not in SOURCES:
            continue
        if Path(path).stem in VAGUE_NAMES:
            yield f"{path}: name the subject instead"
        if not path.endswith(".sql"):
            continue
        if parts[-2] != "schema" or not MIGRATION.fullmatch(parts[-1]):
            yield f"{path}: SQL files are <feature>/schema/NNN_what.sql"
        elif (
            parts[0] == "gateway"
            and parts[1] != "kernel"
            and "/".join([*parts[:-2], "store.py"]) not in known
        ):
            yield f"{path}: a schema belongs to the store.py beside it"


def module_problems(path: str, text: str) -> Iterator[str]:
    """Everything wrong inside one Python file."""
    lines = len(text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{path}: {lines} lines, {MAX_FILE_LINES} allowed"
    tree = ast.parse(text, path)
    for function in functions(tree):
        if function.lines > MAX_FUNCTION_LINES:
            place = f"{path}:{function.line}: {function.name}"
            yield f"{place} has {function.lines} lines, {MAX_FUNCTION_LINES} allowed"
    supervisor = SUPERVISORS.get(path.partition("/")[0])
    if supervisor is not None and path != supervisor:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "create_task":
                yield f"{path}:{node.lineno}: only {supervisor} creates tasks"


def size_line(sizes: dict[str, int]) -> str:
    """One line on the sizes of the source files: count, median, 90th percentile, longest."""
    if len(sizes) < 2:  # a percentile needs two
        return f"{len(sizes)} source files"
    longest = max(sizes, key=lambda path: sizes[path])
    p90 = quantiles(sizes.values(), n=10, method="inclusive")[-1]
    return (
        f"{len(sizes)} source files, {sum(sizes.values())} lines: "
        f"median {median(sizes.values()):.0f}, p90 {p90:.0f}, longest {sizes[longest]} ({longest})"
    )


def main(root: Path) -> int:
    """Print the report; 1 when something left the plan, else 0."""
    paths = listed_files(root)
    texts = {path: (root / path).read_text(encoding="utf-8") for path in paths if path.endswith(".py")}
    print(
        size_line({path: len(text.splitlines()) for path, text in texts.items() if path.startswith(SOURCES)})
    )
    problems = [*top_level_problems(paths), *feature_problems(paths)]
    for path, text in texts.items():
        problems.extend(module_problems(path, text))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
