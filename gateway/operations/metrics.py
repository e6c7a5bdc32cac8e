"""Metrics in the text format Prometheus scrapes.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.kernel.health import HealthBoard
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.metrics import RpcMetrics
from gateway.operations import machine
from gateway.operations.loop import EventLoopMonitor
from gateway.operations.status import StatusService
from protocol.version import COMPATIBLE_RELEASE, RELEASE

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


class Metrics:
    """Writes every family anew for each scrape."""

    def __init__(
        self,
        status: StatusService,
        board: HealthBoard,
        hub: Hub,
        rpc: RpcMetrics,
        loop: EventLoopMonitor,
    ) -> None:
        self._status = status
        self._board = board
        self._hub = hub
        self._rpc = rpc
        self._loop = loop

    def text(self) -> str:
        """All families."""
        return "".join((*self._process(), *self._traffic(), *self._parts(), *self._stores()))

    def _process(self) -> Iterable[str]:
        labels = {"version": RELEASE, "compatible": COMPATIBLE_RELEASE}
        yield family("homarus_info", "gauge", "Version of the gateway.", [(labels, 1)])
        yield family(
            "homarus_uptime_seconds", "gauge", "Time since the start.", _one(self._status.uptime_ms() / 1000)
        )
        rss, peak = machine.rss_bytes(), machine.max_rss_bytes()
        yield family("process_resident_memory_bytes", "gauge", "Resident memory.", _one(rss))
        yield family(
            "homarus_resident_memory_peak_bytes", "gauge", "Most resident memory so far.", _one(peak)
        )
        files = machine.open_files()
        if files is not None:
            yield family("process_open_fds", "gauge", "Open file descriptors.", _one(files))
        reading = self._loop.reading
        if reading is not None:
            delays: list[Sample] = [
                ({"quantile": "0.99"}, reading.delay_p99_ms / 1000),
                ({"quantile": "1"}, reading.delay_max_ms / 1000),
            ]
            yield family("homarus_event_loop_delay_seconds", "gauge", "Lateness of the event loop.", delays)
            used = _one(reading.utilization)
            yield family(
                "homarus_event_loop_utilization_ratio", "gauge", "Busy part of the event loop.", used
            )

    def _traffic(self) -> Iterable[str]:
        kinds = Counter((str(who.role), str(who.client.mode)) for who in self._hub.principals())
        connections: list[Sample] = [
            ({"role": role, "mode": mode}, count) for (role, mode), count in sorted(kinds.items())
        ]
        yield family("homarus_connections", "gauge", "Admitted connections.", connections)
        answers: list[Sample] = [
            ({"method": name, "code": code}, count)
            for (name, code), count in sorted(self._rpc.answers.items())
        ]
        yield family("homarus_requests_total", "counter", "Answered requests by method and outcome.", answers)

    def _parts(self) -> Iterable[str]:
        parts: list[Sample] = [({"part": name}, part.ok) for name, part in self._board.parts().items()]
        yield family("homarus_part_ok", "gauge", "1 while a part of the gateway works.", parts)

    def _stores(self) -> Iterable[str]:
        stores = self._status.stores()
        columns = (
            ("homarus_store_file_bytes", "gauge", "Size of the database.", "database_bytes"),
            ("homarus_store_wal_bytes", "gauge", "Size of the write-ahead log.", "wal_bytes"),
            ("homarus_store_commits_total", "counter", "Transactions committed.", "commits"),
            ("homarus_store_units_total", "counter", "Units of work in them.", "units"),
            ("homarus_store_queued_units", "gauge", "Units of work waiting.", "queued_units"),
        )
        for name, kind, words, field in columns:
            samples: list[Sample] = [({"store": store}, getattr(row, field)) for store, row in stores.items()]
            yield family(name, kind, words, samples)


def family(name: str, kind: str, words: str, samples: Iterable[Sample]) -> str:
    """One metric family."""
    lines = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


def _one(value: float) -> list[Sample]:
    return [({}, value)]


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
