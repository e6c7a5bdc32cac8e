"""How many strangers may stand at the door.

Connections that have not authenticated are counted, in total and per address: WebSockets before `hello-ok`,
and HTTP connections on which no request is being answered. When a bound is reached the oldest of them is
shown out, so that a flood ends itself while a known device, which needs a few milliseconds, still gets in.
"""

from collections import Counter, OrderedDict
from typing import Final, NamedTuple, Protocol

MAX_STRANGERS: Final = 1024
"""At about 12 KiB each this keeps a flood under the 30 MB that attack case 26 allows."""

MAX_STRANGERS_PER_IP: Final = 256
"""Enough for every device of a home behind one address to reconnect at the same moment."""

MAX_STRANGER_BYTES: Final = 8 * 1024 * 1024
"""What all of them may have sent of unfinished requests and frames, which is kept in memory. A device's
connect has 2 KiB, so the one that holds most is never one of ours.
"""


class _Peer(Protocol):
    @property
    def remote_ip(self) -> str: ...


class TcpPeer(NamedTuple):
    """Who is at the other end, before a request says anything else."""

    remote_ip: str


class Stranger(Protocol):
    """A connection that nobody has vouched for."""

    @property
    def peer(self) -> _Peer:
        """Where it comes from."""
        ...

    def turn_away(self, code: int, reason: str) -> None:
        """Hang up, without waiting for the peer to agree."""
        ...


class Doorman:
    """Keeps the unauthenticated within bounds."""

    def __init__(self, total: int = MAX_STRANGERS, per_ip: int = MAX_STRANGERS_PER_IP) -> None:
        self._total = total
        self._per_ip = per_ip
        self._waiting: OrderedDict[int, Stranger] = OrderedDict()
        self._by_ip: dict[str, OrderedDict[int, Stranger]] = {}
        self._bytes: Counter[int] = Counter()
        self._total_bytes = 0
        self.turned_away = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def allow(self, total: int, per_ip: int) -> None:
        """Change the bounds; who waits already may stay until the next one comes."""
        self._total = total
        self._per_ip = per_ip

    def enter(self, stranger: Stranger) -> None:
        """Let a new connection wait; when that is one too many, show the oldest out."""
        same_ip = self._by_ip.setdefault(stranger.peer.remote_ip, OrderedDict())
        same_ip[id(stranger)] = stranger
        self._waiting[id(stranger)] = stranger
        if len(same_ip) > self._per_ip:
            self._turn_away(next(iter(same_ip.values())))
        elif len(self._waiting) > self._total:
            self._turn_away(next(iter(self._waiting.values())))

    def holds(self, stranger: Stranger, size: int) -> None:
        """A waiting connection has sent `size` bytes that mean nothing yet."""
        if id(stranger) not in self._waiting:
            return
        self._total_bytes += size - self._bytes[id(stranger)]
        self._bytes[id(stranger)] = size
        if self._total_bytes > MAX_STRANGER_BYTES:
            self._turn_away(self._waiting[self._bytes.most_common(1)[0][0]])

    def leave(self, stranger: Stranger) -> None:
        """The connection authenticated or ended; forgetting it twice is fine."""
        if self._waiting.pop(id(stranger), None) is None:
            return
        self._total_bytes -= self._bytes.pop(id(stranger), 0)
        address = stranger.peer.remote_ip
        same_ip = self._by_ip[address]
        del same_ip[id(stranger)]
        if not same_ip:
            del self._by_ip[address]

    def _turn_away(self, stranger: Stranger) -> None:
        self.turned_away += 1
        self.leave(stranger)
        stranger.turn_away(1013, "too many unauthenticated connections; try again")
