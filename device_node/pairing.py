"""Makes this device belong to a gateway: shows a credential, keeps what it gives, remembers where it is."""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from device_node.address import Address
from device_node.config import NodeConfig
from device_node.credentials import Credential
from device_node.destination import Destination
from device_node.dial import dialled
from device_node.failure import Denied, Unreachable
from device_node.files import private_dir, write_private
from device_node.home import NodeHome
from device_node.link import Link, LinkDown
from device_node.refusals import Advice, judge
from device_node.retry import Backoff
from device_node.settings_file import Value, change_settings
from device_node.tokens import TokenStore
from protocol.connect import ConnectAuth, ConnectParams, HelloOk
from protocol.handshake import ConnectRefused
from protocol.signature import DeviceIdentity


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of this device to belong to a gateway."""

    home: NodeHome
    identity: DeviceIdentity
    params: Callable[[ConnectAuth | None], ConnectParams]
    credential: Credential
    fingerprint: str | None
    tell: Callable[[str], None]
    """Says something to the person who waits."""
    patience_s: float
    """How long to wait for somebody to approve this device."""

    async def first_of(self, addresses: Sequence[Address]) -> Destination:
        """Pair with the first of several addresses where a gateway answers.

        Raises:
            Unreachable: when none answers.
            Denied: when it does not let this device in.
        """
        problem: Unreachable | None = None
        for address in addresses:
            try:
                return await self.with_gateway(address)
            except Unreachable as error:
                problem = problem or error
        raise problem or Unreachable("there is no address to try", "use another setup code")

    async def with_gateway(self, address: Address) -> Destination:
        """Pair with the gateway at an address, waiting for an approval if one is needed.

        Raises:
            Unreachable: when none answers there.
            Denied: when it does not let this device in.
        """
        target = Destination(address=address, fingerprint=self.fingerprint, credential=self.credential)
        started_s = time.monotonic()
        told = ""
        backoff = Backoff()
        while True:
            outcome = await self._once(target)
            if isinstance(outcome, HelloOk):
                self._keep(target, outcome)
                return target
            pause_s = backoff.next_s() if outcome.pause_s is None else outcome.pause_s
            if not outcome.waits_for_approval or time.monotonic() + pause_s > started_s + self.patience_s:
                raise Denied(outcome.what, outcome.next_step)
            if outcome.next_step != told:
                told = outcome.next_step
                self.tell(f"{outcome.what}; {told}")
            await asyncio.sleep(pause_s)

    async def _once(self, target: Destination) -> HelloOk | Advice:
        try:
            async with dialled(target.address, target.fingerprint) as socket:
                params = self.params(target.credential.auth())
                return (await Link.admitted(socket, params, self.identity)).hello
        except ConnectRefused as refused:
            return judge(refused, target.credential.kind)
        except LinkDown as error:
            raise Unreachable(error.message, "try again in a moment") from error

    def _keep(self, target: Destination, hello: HelloOk) -> None:
        TokenStore(self.home.tokens_path).take(str(target.address), hello.auth)
        remember(self.home, target)


def remember(home: NodeHome, target: Destination) -> NodeConfig:
    """Write down which gateway this node belongs to. A shared token goes into a file of its own.

    Raises:
        Misused: when `node.toml` is faulty; then it is left as it is.
    """
    private_dir(home.root)
    changes: dict[str, Value] = {
        "gateway.url": str(target.address),
        "gateway.tls_fingerprint": target.fingerprint,
        "gateway.token": None,
    }
    if target.credential.kind == "shared":
        write_private(home.shared_token_path, target.credential.text.encode())
        changes["gateway.token"] = {"file": home.shared_token_path.name}
    else:
        home.shared_token_path.unlink(missing_ok=True)
    return change_settings(home.config_path, changes)
