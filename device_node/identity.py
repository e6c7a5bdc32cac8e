"""Who this device is: an Ed25519 key in a file only its owner can read.

The device id, the hex SHA-256 of the public key, is the node id everywhere; a lost key is a new device.
"""

from pathlib import Path

from device_node.failure import NodeError
from device_node.files import private_dir, write_private
from protocol.signature import DeviceIdentity


def load_identity(path: Path) -> DeviceIdentity:
    """The key at `path`, made on first use; rights of others on it are taken away.

    Raises:
        NodeError: when the file is damaged or cannot be read. No new key is made: it would be another device.
    """
    try:
        data = path.read_bytes()
        path.chmod(0o600)
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise NodeError(
            f"the device key {path} cannot be read: {error.strerror}", "make it readable for its owner"
        ) from error
    try:
        return DeviceIdentity(data)
    except ValueError as error:
        raise NodeError(
            f"the device key {path} is damaged",
            "bring it back from a backup, or remove it and pair this device anew",
        ) from error


def _made(path: Path) -> DeviceIdentity:
    identity = DeviceIdentity.generate()
    private_dir(path.parent)
    write_private(path, identity.private_bytes())
    return identity
