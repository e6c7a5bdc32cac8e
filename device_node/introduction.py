"""How this node introduces itself, without being a running node: for pairing and for the doctor."""

from collections.abc import Mapping

import msgspec

from device_node.config import NodeConfig
from device_node.home import NodeHome
from device_node.identity import load_identity
from device_node.offering import Offering, offering
from device_node.profiles import Surroundings, profile_of
from device_node.surface import Persona, connect_params
from protocol.connect import ConnectAuth, ConnectParams
from protocol.signature import DeviceIdentity


class Introduction(msgspec.Struct, frozen=True):
    """Who this device is and everything it offers."""

    identity: DeviceIdentity
    person: Persona
    offering: Offering
    config: NodeConfig

    def params(self, auth: ConnectAuth | None) -> ConnectParams:
        """The `connect` request; what a new device declares now may be approved together with it."""
        return connect_params(self.person, self.offering.table, self.config.permissions, auth)


def introduction(home: NodeHome, config: NodeConfig, display_name: str | None = None) -> Introduction:
    """Look at the settings, the key and this machine.

    Raises:
        NodeError: when the key is damaged.
    """
    if display_name is not None:
        config = msgspec.structs.replace(config, display_name=display_name)
    identity = load_identity(home.key_path)
    profile = profile_of(config)
    around = Surroundings(
        home=home,
        config=config,
        permissions=msgspec.structs.asdict(config.permissions),
        send_event=_nowhere,
        deliver=_nowhere,
        canvas_url=_from_nowhere,
    )
    person = profile.person(identity.device_id, config)
    return Introduction(identity, person, offering(profile, around), config)


async def _nowhere(_name: str, _payload: Mapping[str, object]) -> None:
    """Nothing is run, so nothing happens."""


async def _from_nowhere() -> str:
    """Nothing is shown, so nothing is fetched."""
    return ""
