"""Which channels are set up."""

from gateway.channels.model import Connector
from gateway.kernel.clock import Clock
from gateway.kernel.rpc.idempotency import CallKey, IdempotentCalls
from protocol.errors import JsonValue, NotFound, Unavailable
from protocol.methods.channels import ChannelAccountStatus, ChannelMeta, ChannelStatuses, MessageAction


class ChannelRegistry:
    """The connectors that are set up, in the order they joined."""

    def __init__(self, calls: IdempotentCalls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._connectors: dict[str, Connector] = {}

    def join(self, connector: Connector) -> None:
        """Add a connector.

        Raises:
            TypeError: when its id is taken.
        """
        if connector.id in self._connectors:
            raise TypeError(f"two connectors called {connector.id}")
        self._connectors[connector.id] = connector

    async def statuses(self, channel: str | None, *, probe: bool) -> ChannelStatuses:
        """The state of all channels, or of one.

        Raises:
            NotFound: when `channel` is not set up.
        """
        if channel is not None and channel not in self._connectors:
            raise NotFound(f"channel: {channel} is not set up", {"field": "channel"})
        shown = [c for c in self._connectors.values() if channel in {None, c.id}]
        accounts = {connector.id: await connector.accounts(probe=probe) for connector in shown}
        return ChannelStatuses(
            ts=self._clock.now_ms(),
            channel_order=[connector.id for connector in shown],
            channel_labels={connector.id: connector.label for connector in shown},
            channel_detail_labels={connector.id: connector.label for connector in shown},
            channel_system_images={},
            channel_meta=[ChannelMeta(id=c.id, label=c.label, detail_label=c.label) for c in shown],
            channels={connector.id: _summary(accounts[connector.id]) for connector in shown},
            channel_accounts=accounts,
            channel_default_account_id={name: rows[0].account_id for name, rows in accounts.items() if rows},
        )

    async def act(self, actor: str, call: MessageAction) -> JsonValue:
        """Hand a message action to its channel, once per actor and idempotency key.

        Raises:
            Unavailable: when the channel is not set up.
            OutcomeUnknown: when the gateway was interrupted while this action was under way.
        """
        connector = self._connectors.get(call.channel)
        if connector is None:
            raise Unavailable(f"channel {call.channel} is not set up; add it to homarus.toml first")
        key = CallKey(actor, call.wire_name, call.idempotency_key)
        return await self._calls.once(key, lambda: connector.act(call))


def _summary(accounts: list[ChannelAccountStatus]) -> JsonValue:
    return {
        "configured": any(account.configured for account in accounts),
        "running": any(account.running for account in accounts),
    }
