"""How many strangers wait, and which of them goes first (case 26)."""

from dataclasses import dataclass, field

from gateway.kernel.net import doorman as module
from gateway.kernel.net.doorman import Doorman


@dataclass(frozen=True)
class Peer:
    """An address."""

    remote_ip: str


@dataclass
class Stranger:
    """Remembers why it was turned away."""

    peer: Peer
    told: list[int] = field(default_factory=list[int])

    def turn_away(self, code: int, reason: str) -> None:
        assert reason
        self.told.append(code)


def strangers(count: int, ip: str = "192.0.2.1") -> list[Stranger]:
    """That many from one address."""
    return [Stranger(Peer(ip)) for _ in range(count)]


def test_the_oldest_of_an_address_goes_first() -> None:
    doorman = Doorman(total=10, per_ip=2)
    near, far = strangers(3), strangers(2, "192.0.2.2")
    for stranger in (*far, *near):
        doorman.enter(stranger)
    assert [bool(stranger.told) for stranger in (*far, *near)] == [False, False, True, False, False]
    assert near[0].told == [1013]
    assert (len(doorman), doorman.turned_away) == (4, 1)


def test_over_all_addresses_the_oldest_goes_first() -> None:
    doorman = Doorman(total=2, per_ip=2)
    crowd = [Stranger(Peer(f"192.0.2.{n}")) for n in range(3)]
    for stranger in crowd:
        doorman.enter(stranger)
    assert [len(stranger.told) for stranger in crowd] == [1, 0, 0]


def test_leaving_and_entering_twice_counts_once() -> None:
    doorman = Doorman(total=2, per_ip=2)
    first, second = strangers(2)
    for stranger in (first, first, second):
        doorman.enter(stranger)
    doorman.leave(first)
    doorman.leave(first)
    assert len(doorman) == 1
    assert not first.told + second.told


def test_who_holds_most_goes_when_all_hold_too_much() -> None:
    doorman = Doorman()
    device, greedy, greedier = strangers(3)
    for stranger in (device, greedy, greedier):
        doorman.enter(stranger)
    doorman.holds(device, 2048)
    doorman.holds(greedier, module.MAX_STRANGER_BYTES - 1024 * 1024)
    assert not greedier.told
    doorman.holds(greedy, 1024 * 1024)
    assert greedier.told == [1013]
    assert not device.told + greedy.told
    doorman.holds(greedier, 10**9)  # it is gone: nothing it holds counts
    doorman.holds(greedy, 0)
    doorman.holds(device, module.MAX_STRANGER_BYTES)
    assert not device.told + greedy.told
