"""What operators are told about devices."""

from typing import Literal

import msgspec

from gateway.devices.model import Device, Pending, SetupCode
from gateway.devices.registry import Asked
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from protocol.events.device import (
    DevicePairChanged,
    DevicePairRequested,
    DevicePairResolved,
    DevicePairSetupCompleted,
)


class Notices:
    """Publishes pairing events, and knows who is connected."""

    def __init__(self, hub: Hub, clock: Clock, audit: Recorder) -> None:
        self._hub = hub
        self._clock = clock
        self._audit = audit

    def connected_devices(self) -> frozenset[str]:
        """Devices with a live connection."""
        return frozenset(
            principal.device_id for principal in self._hub.principals() if principal.device_id is not None
        )

    def asked(self, asked: Asked) -> None:
        """A device waits for an approval; requests that ended because of it are over."""
        for gone in asked.gone:
            self.resolved(
                gone, "rejected" if gone.ask.device_id == asked.request.ask.device_id else "expired"
            )
        if asked.is_new:
            event = msgspec.convert(msgspec.to_builtins(asked.request.noun()), DevicePairRequested)
            self._hub.publish(event)

    def resolved(self, request: Pending, decision: Literal["approved", "rejected", "expired"]) -> None:
        """A request is no longer pending."""
        self._hub.publish(
            DevicePairResolved(
                request_id=request.request_id,
                device_id=request.ask.device_id,
                decision=decision,
                ts=self._clock.now_ms(),
            )
        )

    def changed(self) -> None:
        """The list of devices changed."""
        self._hub.publish(DevicePairChanged())

    def let_in(self, device: Device, setup: SetupCode | None) -> None:
        """A device was let in without a person's approval."""
        self.changed()
        self._audit.record(
            "device.pair.letIn",
            actor=device.device_id,
            subject=device.device_id,
            details={"roles": device.roles, "setupId": None if setup is None else setup.setup_id},
        )
        if setup is not None:
            self._hub.publish(
                DevicePairSetupCompleted(
                    setup_id=setup.setup_id,
                    device_id=device.device_id,
                    access=setup.access,
                    ts=self._clock.now_ms(),
                    device_name=device.operator_label or device.facts.display_name,
                )
            )
