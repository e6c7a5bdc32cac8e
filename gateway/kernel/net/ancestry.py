"""Whether a program that knocks on the local socket was started by the gateway itself, for an agent.

Such a program runs as the owner, and would find the owner's door open: an agent could say yes to its own
requests. Told by its chain of parents, and by the variable every agent's program gets. This stops agents that
try; one that hides its parents and clears its environment is stopped only by a sandbox.

Source: proc(5), unix(7). Elsewhere than on Linux nobody can be told apart.
"""

import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

AGENT_VARIABLE: Final = "HOMARUS_AGENT_ID"
"""Set for every program that answers for an agent, and inherited by whatever that starts."""

MAX_PARENTS: Final = 64
"""Far above the depth of any real chain; ends the walk if the system's answers make no sense."""

_CREDENTIALS: Final = struct.Struct("iII")


def agent_behind(peer: socket.socket) -> str | None:
    """The agent whose program holds the other end, empty when unknown which; None for a person's program."""
    if sys.platform != "linux":
        return None
    data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(data)
    named = _agent_named(pid)
    if named is not None:
        return named
    own_pid = os.getpid()
    # As the first process of a container it is the parent of every orphan, which says nothing.
    return "" if own_pid != 1 and _descends_from(pid, own_pid) else None


def _descends_from(pid: int, ancestor: int) -> bool:
    for _ in range(MAX_PARENTS):
        parent = _parent(pid)
        if parent == ancestor:
            return True
        if parent is None or parent <= 1:
            return False
        pid = parent
    return False


def _parent(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return None
    # The name in parentheses may hold anything, so what follows its end counts.
    return int(stat.rpartition(")")[2].split()[1])


def _agent_named(pid: int) -> str | None:
    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended, or is not ours to look into
        return None
    prefix = f"{AGENT_VARIABLE}=".encode()
    found = next((entry for entry in data.split(b"\0") if entry.startswith(prefix)), None)
    return None if found is None else found[len(prefix) :].decode(errors="replace")
