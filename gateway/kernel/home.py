"""Where the gateway keeps everything: one folder, readable by its owner only.

homarus.toml   the settings a person edits
state/         SQLite files and the last good configuration
keys/          secrets, 0600 each
blobs/         attachments by SHA-256
logs/          bounded JSON lines
canvas/        pages for canvas surfaces
workspaces/    one folder per agent
gateway.sock   the local command line's way in
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.store.files import PRIVATE_DIR, private_dir
from protocol.ids import checked_id

HOME_VARIABLE: Final = "HOMARUS_HOME"
DEFAULT_NAME: Final = ".homarus"


class Home(msgspec.Struct, frozen=True):
    """The folder and the names in it. Making a `Home` touches no disk; `prepare` does."""

    root: Path

    @classmethod
    def locate(cls, flag: str | Path | None = None, env: Mapping[str, str] = os.environ) -> "Home":
        """The home named by `--home`, else by `HOMARUS_HOME`, else `~/.homarus`; absolute, links resolved."""
        chosen = flag or env.get(HOME_VARIABLE) or Path.home() / DEFAULT_NAME
        return cls(Path(chosen).expanduser().resolve())

    def prepare(self) -> None:
        """Create what is missing and take all rights of others away from the folder and its parts.

        Raises:
            OSError: when a folder cannot be made or is not ours.
        """
        for folder in (
            self.root,
            self.state_dir,
            self.keys_dir,
            self.blobs_dir,
            self.logs_dir,
            self.canvas_dir,
            self.workspaces_dir,
        ):
            private_dir(folder)
            folder.chmod(PRIVATE_DIR)

    @property
    def config_path(self) -> Path:
        """`homarus.toml`."""
        return self.root / "homarus.toml"

    @property
    def last_good_path(self) -> Path:
        """The last configuration that was applied."""
        return self.state_dir / "homarus.last-good.toml"

    @property
    def rejected_path(self) -> Path:
        """A faulty `homarus.toml` that was replaced over the protocol, kept for its author."""
        return self.root / "homarus.rejected.toml"

    @property
    def state_dir(self) -> Path:
        """SQLite files."""
        return self.root / "state"

    @property
    def keys_dir(self) -> Path:
        """Secrets and private keys."""
        return self.root / "keys"

    @property
    def blobs_dir(self) -> Path:
        """Attachments."""
        return self.root / "blobs"

    @property
    def logs_dir(self) -> Path:
        """Log files."""
        return self.root / "logs"

    @property
    def log_path(self) -> Path:
        """The log file being written."""
        return self.logs_dir / "homarus.log"

    @property
    def canvas_dir(self) -> Path:
        """Pages for canvas surfaces."""
        return self.root / "canvas"

    @property
    def workspaces_dir(self) -> Path:
        """Parent of every agent's folder."""
        return self.root / "workspaces"

    @property
    def socket_path(self) -> Path:
        """Unix socket of the local command line."""
        return self.root / "gateway.sock"

    @property
    def whereabouts_path(self) -> Path:
        """Where the running gateway listens, for programs of the same user."""
        return self.root / "gateway.json"

    def workspace_dir(self, agent_id: str) -> Path:
        """The folder an agent works in; it may not exist yet.

        Raises:
            InvalidRequest: when `agent_id` is not a safe id.
        """
        return self.workspaces_dir / checked_id(agent_id, "agentId")
