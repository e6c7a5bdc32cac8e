"""Counters of answered requests."""

from collections import Counter

from protocol.errors import GatewayError
from protocol.method import METHODS


class RpcMetrics:
    """How many requests were answered, by method and outcome (`ok` or the wire error code)."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()

    def count(self, method: str, outcome: str) -> None:
        """Count one answer."""
        self.answers[(method, outcome)] += 1

    def count_failure(self, method: str, error: GatewayError) -> None:
        """Count a refusal; unknown names share one row, so that a stranger cannot grow the table."""
        self.count(method if method in METHODS else "unknown", error.code)
