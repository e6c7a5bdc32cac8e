"""Device tokens: what a gateway gives a paired device to come back with, kept by gateway and role.

A token is as good as a password, so the file is 0600 and nothing here prints one.
"""

from pathlib import Path

import msgspec

from device_node.failure import NodeError
from device_node.files import private_dir, write_private
from protocol.connect import HelloAuth
from protocol.scopes import Role


class TokenStore:
    """The tokens of this device. Every change is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, gateway: str, role: Role = Role.NODE) -> str | None:
        """The token for a gateway's address, if it gave one.

        Raises:
            NodeError: when the file is damaged.
        """
        return self._read().get(gateway, {}).get(role.value)

    def keep(self, gateway: str, token: str, role: Role = Role.NODE) -> None:
        """Store what a gateway gave; the same token again writes nothing.

        Raises:
            NodeError: as for `find`.
        """
        stored = self._read()
        if stored.get(gateway, {}).get(role.value) == token:
            return
        self._write({**stored, gateway: {**stored.get(gateway, {}), role.value: token}})

    def take(self, gateway: str, auth: HelloAuth) -> None:
        """Store everything a gateway gave with its `hello-ok`.

        Raises:
            NodeError: as for `find`.
        """
        if auth.device_token is not None:
            self.keep(gateway, auth.device_token, auth.role)
        for issued in auth.device_tokens or ():
            self.keep(gateway, issued.device_token, issued.role)

    def drop(self, gateway: str) -> bool:
        """Forget what a gateway gave, because it no longer takes it; whether there was anything.

        Raises:
            NodeError: as for `find`.
        """
        stored = self._read()
        if stored.pop(gateway, None) is None:
            return False
        self._write(stored)
        return True

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, dict[str, str]])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise NodeError(
                f"the device tokens {self._path} cannot be read: {error.strerror}",
                "make the file readable for its owner",
            ) from error
        except msgspec.MsgspecError as error:
            raise NodeError(
                f"the device tokens {self._path} are damaged", "remove the file and pair this device again"
            ) from error

    def _write(self, stored: dict[str, dict[str, str]]) -> None:
        private_dir(self._path.parent)
        write_private(self._path, msgspec.json.encode(stored))
