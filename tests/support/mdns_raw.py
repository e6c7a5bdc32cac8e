"""Somebody who announces what no library would let them: raw packets to the multicast group on loopback."""

import itertools
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

GROUP = ("224.0.0.251", 5353)
TYPE = b"\x0c_openclaw-gw\x04_tcp\x05local\x00"

# Source: RFC 1035, section 3.2; RFC 6762, section 10.2 for the cache-flush bit.
PTR, TXT, A, SRV = 12, 16, 1, 33
IN, FLUSH = 1, 0x8001
TTL_S = 4500


def announcement(
    label: bytes, host: bytes, address: str, *, port: int = 18789, txt: bytes = b"role=gateway"
) -> bytes:
    """The packet that announces one gateway: pointer, service, text and address, unchecked."""
    instance = bytes([len(label)]) + label + TYPE
    server = bytes([len(host)]) + host + b"\x05local\x00"
    records = (
        record(TYPE, PTR, IN, instance),
        record(instance, SRV, FLUSH, struct.pack("!HHH", 0, 0, port) + server),
        record(instance, TXT, FLUSH, bytes([len(txt)]) + txt),
        record(server, A, FLUSH, socket.inet_aton(address)),
    )
    return struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def one_of_many(number: int) -> bytes:
    """Another gateway for each number."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return announcement(f"flood-{number} (OpenClaw)".encode(), f"flood-{number}".encode(), address)


def record(name: bytes, kind: int, record_class: int, data: bytes) -> bytes:
    """One resource record."""
    return name + struct.pack("!HHIH", kind, record_class, TTL_S, len(data)) + data


class Shouting:
    """Sends the packets of 0, 1, 2 … to everybody on loopback until it is left."""

    def __init__(self, packet: Callable[[int], bytes], pause_s: float = 0.0) -> None:
        self.sent = 0
        self._packet = packet
        self._pause_s = pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _send(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            for number in itertools.count():
                if self._over.wait(self._pause_s):
                    return
                sender.sendto(self._packet(number), GROUP)
                self.sent = number + 1
