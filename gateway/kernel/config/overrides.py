"""What the command line and the environment say in place of the file, for this run only."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.kernel.config.gateway import TOKEN_FILE
from gateway.kernel.config.tree import Tree, lookup, with_value

TOKEN_VARIABLE: Final = "HOMARUS_TOKEN"  # noqa: S105 - the name of a variable


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of `gateway run`. They win over the file and are never written into it."""

    host: str | None = None
    port: int | None = None
    token: str | None = None
    auth: str | None = None

    def effective(self, tree: Mapping[str, object], env: Mapping[str, str]) -> Tree:
        """The tree to run with: `tree`, the environment over it, then flags, then the generated token."""
        result = dict(tree)
        for path, value in (("host", self.host), ("port", self.port)):
            if value is not None:
                result = with_value(result, ("gateway", path), value)
        if TOKEN_VARIABLE in env:
            # Also when it is set to nothing: that is a broken deployment, to be refused and not papered over.
            result = with_value(result, ("gateway", "auth", "token"), {"env": TOKEN_VARIABLE})
        if self.token is not None:
            result = with_value(result, ("gateway", "auth", "token"), self.token)
            result = with_value(result, ("gateway", "auth", "mode"), "token")
        if self.auth is not None:
            result = with_value(result, ("gateway", "auth", "mode"), self.auth)
        return _with_generated_token(result)


def needs_generated_token(tree: Mapping[str, object]) -> bool:
    """Whether the gateway runs with the token it generated itself."""
    return lookup(tree, ("gateway", "auth", "token")) == {"file": TOKEN_FILE}


def _with_generated_token(tree: Tree) -> Tree:
    auth = lookup(tree, ("gateway", "auth"))
    # A malformed table stays as it is, to be reported.
    well_formed = isinstance(tree.get("gateway", {}), dict) and isinstance(auth, dict | None)
    mode = lookup(tree, ("gateway", "auth", "mode"))
    unset = lookup(tree, ("gateway", "auth", "token")) is None
    if well_formed and unset and mode in {None, "token"}:
        return with_value(tree, ("gateway", "auth", "token"), {"file": TOKEN_FILE})
    return tree
