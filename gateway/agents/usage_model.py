"""Tokens, prices, limits and the identity of a model call."""

from typing import ClassVar, Final

import msgspec

from protocol.errors import Unavailable

NUSD: Final = 1_000_000_000
"""Billionths in a dollar."""


class BudgetExceeded(Unavailable):
    """A call was not made because it could cost more than may be spent."""

    detail_code: ClassVar[str | None] = "BUDGET_EXCEEDED"


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of one call; the cached ones are not part of `input`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Rates(msgspec.Struct, frozen=True):
    """Billionths of a dollar for one token: a thousand times the usual dollars for a million."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def cost(self, tokens: Tokens) -> Tokens:
        """The cost of each kind of token, in billionths of a dollar."""
        return Tokens(
            round(tokens.input * self.input),
            round(tokens.output * self.output),
            round(tokens.cache_read * self.cache_read),
            round(tokens.cache_write * self.cache_write),
        )

    def at_most(self, tokens: Tokens) -> int:
        """The most `tokens` can cost, whatever of the input is cached, in billionths of a dollar."""
        dearest = max(self.input, self.cache_read, self.cache_write)
        return round(tokens.input * dearest + tokens.output * self.output)


FREE: Final = Rates(0.0, 0.0, 0.0, 0.0)


class Caps(msgspec.Struct, frozen=True):
    """What may be spent in a UTC day or month, in billionths of a dollar; None: no limit."""

    daily: int | None = None
    monthly: int | None = None
    agent_daily: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return (self.daily, self.monthly, self.agent_daily) != (None, None, None)


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which call it is."""

    agent_id: str
    session_key: str
    session_id: str
    run_id: str
    provider: str
    model: str
