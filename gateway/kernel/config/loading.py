"""Which text becomes the configuration: the file, else the last good one, else its parts without faults."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.kernel.config.check import Checker, Values
from gateway.kernel.config.document import ConfigSyntaxError, depth_issue, parse
from gateway.kernel.config.files import ensure_key, keep_private, read_text, write_private
from gateway.kernel.config.gateway import TOKEN_FILE
from gateway.kernel.config.overrides import Overrides, needs_generated_token
from gateway.kernel.config.settings import ConfigIssue
from gateway.kernel.config.tree import Tree
from gateway.kernel.home import Home
from protocol.errors import InvalidRequest

logger = logging.getLogger(__name__)

Source: TypeAlias = Literal["file", "last-good", "defaults"]

SOURCE_NAMES: Final[dict[Source, str]] = {
    "file": "settings accepted before",
    "last-good": "last good settings",
    "defaults": "defaults for what is faulty",
}


class StartRefused(InvalidRequest):
    """The gateway must not start like this; the message says what to change."""


class Candidate(msgspec.Struct, frozen=True):
    """A tree that may become the configuration, with what the checks made of it."""

    source: Source
    tree: Tree
    values: Values
    """Settings of every section when there are no issues, of the good sections otherwise."""
    issues: Sequence[ConfigIssue]


class Loader:
    """Reads, checks and remembers configurations of one home."""

    def __init__(self, home: Home, checker: Checker, overrides: Overrides, env: Mapping[str, str]) -> None:
        self._home = home
        self._checker = checker
        self._overrides = overrides
        self._env = env

    def examine(self, source: Source, tree: Tree) -> Candidate:
        """Check `tree` as it would take effect: under environment, flags and the generated token."""
        return self._examine(source, tree, self._overrides)

    def examine_alone(self, tree: Tree) -> Sequence[ConfigIssue]:
        """Issues `tree` would have in a start without flags: what is written today must boot tomorrow."""
        return self._examine("file", tree, Overrides()).issues

    def _examine(self, source: Source, tree: Tree, overrides: Overrides) -> Candidate:
        too_deep = depth_issue(tree)
        if too_deep is not None:
            return Candidate(source, tree, {}, [too_deep])
        effective = overrides.effective(tree, self._env)
        if needs_generated_token(effective):
            ensure_key(self._home.root / TOKEN_FILE)
        values, issues = self._checker.check(effective)
        # A value that a flag hides today is still the file's fault.
        hidden = [issue for issue in self._checker.faults(tree) if issue not in issues]
        return Candidate(source, tree, values, [*issues, *hidden])

    def read(self) -> tuple[Candidate, str | None]:
        """The file as it is, checked, with its text.

        A file that vanished or became empty while a last good one is known is a fault and not a wish: a
        full disk and a crashed editor leave such files behind.
        """
        try:
            text = read_text(self._home.config_path)
        except ConfigSyntaxError as error:
            return self._unusable(str(error)), ""
        if not (text or "").strip() and (self._last_good_text() or "").strip():
            state = "is missing" if text is None else "is empty"
            advice = f"restore it, or also delete {self._home.last_good_path} to start with defaults"
            return self._unusable(f"{state}; {advice}"), text
        try:
            return self.examine("file", parse(text or "")), text
        except ConfigSyntaxError as error:
            return self._unusable(str(error)), text

    def boot(self) -> tuple[Candidate, str | None]:
        """The candidate to start with, its issues being those of the file, and the file's text.

        Raises:
            StartRefused: when nothing acceptable is left.
            OSError: when the file belongs to somebody else.
        """
        keep_private(self._home.config_path)
        file, text = self.read()
        if not file.issues:
            self.remember(text)
            return file, text
        last_good = self._last_good()
        if last_good is not None and not last_good.issues:
            return msgspec.structs.replace(last_good, issues=file.issues), text
        unsafe = [issue for issue in file.issues if issue.unsafe]
        rest = self.examine("defaults", self._without_faults(file))
        if unsafe or rest.issues:
            reasons = "; ".join(str(issue) for issue in unsafe or rest.issues)
            raise StartRefused(f"the gateway does not start like this: {reasons}")
        return msgspec.structs.replace(rest, issues=file.issues), text

    def remember(self, text: str | None) -> None:
        """Keep an accepted text as the last good one; a disk that refuses costs only that."""
        if text is None or text == self._last_good_text():
            return
        try:
            write_private(self._home.last_good_path, text)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._home.last_good_path, error.strerror)

    def _unusable(self, message: str) -> Candidate:
        return Candidate("file", {}, {}, [ConfigIssue("", f"{self._home.config_path.name} {message}")])

    def _without_faults(self, candidate: Candidate) -> Tree:
        faulty = {issue.path.partition(".")[0].partition("[")[0] for issue in candidate.issues}
        return {name: table for name, table in candidate.tree.items() if name not in faulty}

    def _last_good(self) -> Candidate | None:
        text = self._last_good_text()
        if text is None:
            return None
        try:
            return self.examine("last-good", parse(text))
        except ConfigSyntaxError:
            return None

    def _last_good_text(self) -> str | None:
        try:
            return read_text(self._home.last_good_path)
        except ConfigSyntaxError:
            # As good as none: the file in use decides alone.
            return None
