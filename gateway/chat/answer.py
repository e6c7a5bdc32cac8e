"""The words of an answer as they come in: in pieces, in parts between tools, within a bound."""

from gateway.chat.limits import MAX_ANSWER_CHARS

PART_BREAK = "\n\n"
"""Between what an agent says before and after a tool. Observed in OpenClaw's cumulative `message`."""


class Answer:
    """Collects text. A part is what is said between two tools; clients show all parts as one text."""

    def __init__(self, max_chars: int = MAX_ANSWER_CHARS) -> None:
        self._left = max_chars
        self._parts: list[list[str]] = [[]]
        self._chars = 0
        self._fresh: list[str] = []
        self._fresh_part: list[str] = []

    @property
    def full(self) -> bool:
        """Whether the bound is reached: no more text is taken."""
        return self._left <= 0

    @property
    def chars(self) -> int:
        """Length of the whole text so far."""
        return self._chars

    @property
    def part(self) -> str:
        """What was said since the last tool."""
        pieces = self._parts[-1]
        if len(pieces) > 1:
            pieces[:] = ["".join(pieces)]
        return pieces[0] if pieces else ""

    @property
    def part_number(self) -> int:
        """1 for the first part."""
        return len(self._parts)

    @property
    def text(self) -> str:
        """Everything said."""
        return PART_BREAK.join(text for pieces in self._parts if (text := "".join(pieces)))

    def add(self, delta: str) -> None:
        """Take more words, as far as the bound allows."""
        taken = delta[: max(self._left, 0)]
        if not taken:
            return
        self._left -= len(taken)
        starts_part = not self._parts[-1] and self._chars > 0
        self._parts[-1].append(taken)
        shown = PART_BREAK + taken if starts_part else taken
        self._chars += len(shown)
        self._fresh.append(shown)
        self._fresh_part.append(taken)

    def next_part(self) -> None:
        """A tool comes: what follows is a new part."""
        if self._parts[-1]:
            self._parts.append([])

    @property
    def has_fresh(self) -> bool:
        """Whether something was added since `take_fresh`."""
        return bool(self._fresh)

    def take_fresh(self) -> tuple[str, str]:
        """What was added since the last call, as part of the whole text and of the present part."""
        fresh = "".join(self._fresh), "".join(self._fresh_part)
        self._fresh.clear()
        self._fresh_part.clear()
        return fresh
