"""Questions to a person, or their defaults when nobody is to be asked."""

import getpass
from collections.abc import Sequence

from gateway.cli.output import bold, dim


class Asker:
    """Asks on the terminal; with `defaults_only` it never does.

    Ctrl-C and the end of input leave as `KeyboardInterrupt` and `EOFError`.
    """

    def __init__(self, *, defaults_only: bool) -> None:
        self.defaults_only = defaults_only

    def text(self, question: str, default: str) -> str:
        """A line; an empty one means the default."""
        if self.defaults_only:
            return default
        return input(f"{question} [{default}]: " if default else f"{question}: ").strip() or default

    def number(self, question: str, default: int, largest: int) -> int:
        """A whole number from 0 to `largest`."""
        while True:
            answer = self.text(question, str(default))
            if answer.isdecimal() and int(answer) <= largest:
                return int(answer)
            print(f"type a number from 0 to {largest}")

    def secret(self, question: str) -> str:
        """A line that is not shown; empty when there is none to give."""
        return "" if self.defaults_only else getpass.getpass(f"{question}: ").strip()

    def choice(self, question: str, options: Sequence[str]) -> int:
        """Which option, counted from 0; the first is the default."""
        if self.defaults_only:
            return 0
        print(question)
        for number, option in enumerate(options, 1):
            print(f"  {number}) {option}{dim(' (default)') if number == 1 else ''}")
        while True:
            answer = input("Choose [1]: ").strip() or "1"
            if answer.isdigit() and 1 <= int(answer) <= len(options):
                return int(answer) - 1
            print(f"type a number from 1 to {len(options)}")


def title(text: str) -> None:
    """The heading of a step."""
    print(f"\n{bold(text)}")
