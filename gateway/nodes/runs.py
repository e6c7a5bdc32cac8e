"""Programs that nodes were told to run, so that what a node says about runs can be told from inventions."""

from collections import OrderedDict
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from protocol.ids import new_id

MAX_RUNS: Final = 4096
"""Older runs are forgotten first; a household starts a few hundred a day."""

KEEP_MS: Final = 24 * 3_600_000
"""The longest a command may take."""


class AuthorisedRun(msgspec.Struct, frozen=True):
    """One run on one node."""

    node_id: str
    session_key: str | None
    issued_ms: int


class AuthorisedRuns:
    """Issues run ids and recognises them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: OrderedDict[str, AuthorisedRun] = OrderedDict()

    def issue(self, node_id: str, session_key: str | None, run_id: str | None = None) -> str:
        """A run id for a program on `node_id`; a new one unless given."""
        run_id = run_id or new_id()
        self._runs[run_id] = AuthorisedRun(node_id, session_key, self._clock.now_ms())
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return run_id

    def end(self, run_id: str) -> None:
        """Whatever else is said about this run is an invention."""
        self._runs.pop(run_id, None)

    def find(self, run_id: str, node_id: str) -> AuthorisedRun | None:
        """The run, when it was issued for this node and not too long ago."""
        run = self._runs.get(run_id)
        if run is None or run.node_id != node_id or self._clock.now_ms() - run.issued_ms > KEEP_MS:
            return None
        return run
