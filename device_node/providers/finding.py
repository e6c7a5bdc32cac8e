"""What was found out about a family of commands on this machine."""

from collections.abc import Mapping

import msgspec

FAMILIES = ("run", "rules", "device", "files", "location", "camera", "screen", "notify", "canvas", "mcp")
"""In the order the doctor shows them."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a family of commands works here; a line of `homarus node doctor`."""

    family: str
    """One of `FAMILIES`."""
    usable: bool
    detail: str
    """How it works here; or why it does not, and what its owner can do."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider gives: its marked methods are the commands."""

    provider: object
    only: Mapping[str, bool] | None = None
    """Wire names that work, when not all of the provider's do."""
    finding: Finding


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Commands that belong together: what does them, and what is to be said about them."""

    finding: Finding
    offers: tuple[Offer, ...] = ()
    """None when the family is not usable."""


def usable(family: str, how: str, *providers: object, only: Mapping[str, bool] | None = None) -> Family:
    """A family that works here."""
    finding = Finding(family=family, usable=True, detail=how)
    offers = tuple(Offer(provider=provider, only=only, finding=finding) for provider in providers)
    return Family(finding=finding, offers=offers)


def unusable(family: str, why: str) -> Family:
    """A family this machine cannot offer; `why` says what its owner can do."""
    return Family(finding=Finding(family=family, usable=False, detail=why))
