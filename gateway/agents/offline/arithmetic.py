"""Sums a person types, worked out exactly and within bounds."""

import re
from collections.abc import Iterator
from decimal import Context, Decimal, DecimalException, InvalidOperation, Overflow
from typing import Final

MAX_CHARS: Final = 200
"""A sum anybody types by hand is shorter; it also bounds how deep parentheses can nest."""

MAX_DIGITS: Final = 40
"""Digits of a result that can still be read."""

_CONTEXT: Final = Context(prec=MAX_DIGITS, Emax=999, Emin=-999, traps=[InvalidOperation, Overflow])

_TOKEN: Final = re.compile(r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|(\*\*|[-+*/%^()]))")
_PERCENT_OF: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|percent)\s+of\s+", re.IGNORECASE)
_SIGNS: Final = str.maketrans(
    {"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", ":": "/", ",": "", "x": "*", "X": "*"}
)
"""Signs of calculators and handwriting: times, middle dot, obelus, minus."""
_SHAPE: Final = re.compile(r"[\d\s.+\-*/%^()]+")

_NAMED: Final = (("divided by", "/"), ("times", "*"), ("plus", "+"), ("minus", "-"), ("over", "/"))


class NoSum(ValueError):
    """It is not a sum, or one without a result; the text says why."""


def looks_like_sum(text: str) -> bool:
    """Whether `text` holds numbers and at least one operation, and nothing else."""
    prepared = _prepared(text)
    if len(prepared) > MAX_CHARS or _SHAPE.fullmatch(prepared) is None:
        return False
    return re.search(r"\d\s*(\*\*|[-+*/%^])\s*[\d(.-]|\)\s*[-+*/%^]", prepared) is not None


def evaluate(text: str) -> str:
    """The result of a sum, in plain digits.

    Raises:
        NoSum: for anything that is not a sum, a division by zero, and results nobody could read.
    """
    prepared = _prepared(text)
    if len(prepared) > MAX_CHARS:
        raise NoSum(f"a sum may have {MAX_CHARS} characters")
    try:
        result = _Sum(prepared).value()
    except (Overflow, InvalidOperation, DecimalException) as error:
        raise NoSum("that number gets too large") from error
    return _shown(result)


class _Sum:
    """Recursive descent: sum, product, sign, power, atom."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def value(self) -> Decimal:
        result = self._sum()
        if self._at != len(self._tokens):
            raise NoSum(f"did not expect {self._tokens[self._at]!r}")
        return result

    def _sum(self) -> Decimal:
        left = self._product()
        while (sign := self._take("+", "-")) is not None:
            right = self._product()
            left = _CONTEXT.add(left, right) if sign == "+" else _CONTEXT.subtract(left, right)
        return left

    def _product(self) -> Decimal:
        left = self._signed()
        while (sign := self._take("*", "/", "%")) is not None:
            left = _multiplied(left, sign, self._signed())
        return left

    def _signed(self) -> Decimal:
        if self._take("-") is not None:
            return -self._signed()
        return self._signed() if self._take("+") is not None else self._power()

    def _power(self) -> Decimal:
        base = self._atom()
        if self._take("^", "**") is None:
            return base
        exponent = self._signed()
        if abs(exponent) > 1000:
            raise NoSum("that number gets too large")
        return _CONTEXT.power(base, exponent)

    def _atom(self) -> Decimal:
        if self._take("(") is not None:
            inner = self._sum()
            if self._take(")") is None:
                raise NoSum("a parenthesis is not closed")
            return inner
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        if not token or not (token[0].isdigit() or token[0] == "."):
            raise NoSum("a number is missing")
        self._at += 1
        return Decimal(token)

    def _take(self, *signs: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in signs:
            self._at += 1
            return self._tokens[self._at - 1]
        return None


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NoSum(f"did not expect {text[at : at + 10].strip()!r}")
        yield match[1] or match[2]
        at = match.end()


def _multiplied(left: Decimal, sign: str, right: Decimal) -> Decimal:
    if sign == "*":
        return _CONTEXT.multiply(left, right)
    if right == 0:
        raise NoSum("nothing can be divided by zero")
    return _CONTEXT.divide(left, right) if sign == "/" else _CONTEXT.remainder(left, right)


def _prepared(text: str) -> str:
    lowered = _PERCENT_OF.sub(r"(\1/100)*", text.strip().rstrip("=?. "))
    for words, sign in _NAMED:
        lowered = re.sub(rf"\b{words}\b", sign, lowered, flags=re.IGNORECASE)
    return lowered.translate(_SIGNS).strip()


def _shown(result: Decimal) -> str:
    # Beyond 16 digits before the point, 12 behind it are more than the precision of 28 holds.
    rounded = round(result, 12).normalize() if abs(result) < 10**16 else result.normalize()
    text = f"{rounded:f}"
    if len(text) > MAX_DIGITS:
        text = f"{result:.12E}"
    return "0" if text == "-0" else text
