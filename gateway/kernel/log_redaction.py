"""Takes secrets out of text that is about to be written: the ones we know, and what looks like one."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

MASK: Final = "***"

MIN_KNOWN_CHARS: Final = 6
"""A shorter known secret would also mask ordinary words; the gateway refuses such secrets for itself."""

_SHAPES: Final = r"""
    (?P<pem>-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|$))
  | (?P<scheme>\b(?:bearer|basic)\s{1,4})[A-Za-z0-9._~+/=-]{8,}
  | (?P<name>(?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|authorization|credential|private[_-]?key)
      [A-Za-z]{0,24}["']?\s{0,4}[=:]\s{0,4}["']?(?:(?:bearer|basic)\s{1,4})?)[^\s"',;&}\]]{6,}
  | (?P<userinfo>\b[a-z][a-z0-9+.-]{0,15}://[^\s/:@]{0,128}:)[^\s/@]{3,512}(?=@)
  | \b(?:sk|rk|pk)-[A-Za-z0-9_-]{16,}                                  # model providers, payments
  | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,}      # GitHub
  | \bglpat-[A-Za-z0-9_-]{16,}                                         # GitLab
  | \bxox[abeprs]-[A-Za-z0-9-]{10,}                                    # Slack
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                      # AWS
  | \bAIza[A-Za-z0-9_-]{30,}                                           # Google
  | \b\d{8,10}:[A-Za-z0-9_-]{35}\b                                     # Telegram bots
  | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*          # JSON web tokens
  | (?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[a-z])(?=[A-Za-z0-9_-]*[A-Z])
      [A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])                               # 32 random bytes: our own tokens
    """
"""Case is ignored for the names; of the exact shapes that only widens what is masked. Every repetition that
can start at many places is bounded, so that a peer's text costs linear time.
"""


@cache
def _shapes() -> re.Pattern[str]:
    # Takes 4 ms, which a start without a suspicious line need not spend.
    return re.compile(_SHAPES, re.VERBOSE | re.IGNORECASE | re.DOTALL)


_HINTS: Final = (
    *("token", "passw", "passph", "secret", "key", "authorization", "credential", "bearer", "basic", "://"),
    *("sk-", "rk-", "pk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "glpat-", "xox"),
    *("akia", "asia", "aiza", "eyj"),
)
"""Nearly every line lacks all of these, lower case, and skips the expensive pattern."""

_LONG_RUN: Final = re.compile(r"[A-Za-z0-9_-]{43}|\d{8}:")
"""The two shapes without a word to look for; UUIDs are shorter."""


class TextRedactor:
    """Replaces secrets by `***`. One for the process, because there is one log."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None

    def protect(self, secrets: Iterable[str]) -> None:
        """From now on mask exactly these texts, besides what looks secret by itself."""
        texts = sorted({text for text in secrets if len(text) >= MIN_KNOWN_CHARS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, texts))) if texts else None

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        lower = text.lower()
        suspicious = any(hint in lower for hint in _HINTS) or _LONG_RUN.search(text) is not None
        return _shapes().sub(_mask, text) if suspicious else text


def _mask(match: re.Match[str]) -> str:
    kept = match["scheme"] or match["name"] or match["userinfo"] or ""
    return kept + MASK
