"""Where a node keeps everything: one folder inside the Homarus home, readable by its owner only.

node.toml      the settings a person edits
device.key     the Ed25519 key this device is known by
tokens.json    what gateways gave this device to come back with
gateway.token  the shared token a person entered, if any
work.db        the ledger of work
node.sock      the local command line's way in
node.lock      held by the node that runs
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

HOME_VARIABLE: Final = "HOMARUS_HOME"
DEFAULT_NAME: Final = ".homarus"


class NodeHome(msgspec.Struct, frozen=True):
    """The folder and the names in it. Making a `NodeHome` touches no disk."""

    base: Path
    """The Homarus home; a gateway of this machine keeps its things there too."""

    @classmethod
    def locate(cls, flag: str | Path | None = None, env: Mapping[str, str] = os.environ) -> "NodeHome":
        """The home named by `--home`, else by `HOMARUS_HOME`, else `~/.homarus`; absolute, links resolved."""
        chosen = flag or env.get(HOME_VARIABLE) or Path.home() / DEFAULT_NAME
        return cls(Path(chosen).expanduser().resolve())

    @property
    def root(self) -> Path:
        """The node's own folder."""
        return self.base / "node"

    @property
    def config_path(self) -> Path:
        """`node.toml`."""
        return self.root / "node.toml"

    @property
    def whereabouts_path(self) -> Path:
        """Where a gateway that runs from this home listens; the gateway writes it."""
        return self.base / "gateway.json"

    @property
    def key_path(self) -> Path:
        """The device's private key."""
        return self.root / "device.key"

    @property
    def tokens_path(self) -> Path:
        """Device tokens by gateway."""
        return self.root / "tokens.json"

    @property
    def shared_token_path(self) -> Path:
        """The token a person entered with `homarus node pair --token`."""
        return self.root / "gateway.token"

    @property
    def gateway_token_path(self) -> Path:
        """The generated token of a gateway that lives in the same home."""
        return self.base / "keys" / "gateway.token"

    @property
    def ledger_path(self) -> Path:
        """The ledger of work."""
        return self.root / "work.db"

    @property
    def socket_path(self) -> Path:
        """Unix socket of the local command line."""
        return self.root / "node.sock"

    @property
    def lock_path(self) -> Path:
        """Locked by the node that runs."""
        return self.root / "node.lock"
