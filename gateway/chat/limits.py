"""How much one message and one answer may be."""

from typing import Final

MAX_MESSAGE_CHARS: Final = 160_000
"""A transcript entry holds 1 MiB of JSON, and a character costs at most six bytes there."""

MAX_ANSWER_CHARS: Final = 160_000
"""Likewise for what an agent says; a longer answer ends here with the stop reason `length`."""

MAX_TOOL_TEXT_CHARS: Final = 100_000
"""Tool output kept in the transcript."""

MAX_EVENT_TEXT_CHARS: Final = 16_000
"""Tool output in one event; every client of a busy session gets each of them."""

MAX_ERROR_CHARS: Final = 300
"""Texts in `errorDetail`. Source: OpenClaw docs/gateway/protocol/rpc-bootstrap-and-events.md."""

DELTA_INTERVAL_S: Final = 0.05
"""Least time between two text events of a run; a person cannot read faster, and a slow client can keep up."""

DELTA_CHARS_PER_S: Final = 400_000
"""Every text event repeats the whole text, so a long answer is sent less often than a short one."""
