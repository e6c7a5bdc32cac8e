"""Who may enter: device identities, pairing, tokens, setup codes and lock-outs."""

import asyncio
from typing import Final

from gateway.devices.admission import DeviceAdmission
from gateway.devices.api import DeviceApi
from gateway.devices.enrolment import Enrolment
from gateway.devices.epoch import AuthEpoch
from gateway.devices.join import JoinPage
from gateway.devices.lockouts import Lockouts
from gateway.devices.mint import TokenMint
from gateway.devices.notices import Notices
from gateway.devices.repair import Repair
from gateway.devices.service import Devices
from gateway.devices.setup_codes import SetupCodes
from gateway.devices.tombstones import Tombstones
from gateway.kernel.config.gateway import GatewaySettings
from gateway.kernel.feature import Feature, House
from gateway.kernel.net.tls import certificate_paths, fingerprint
from gateway.kernel.ports import Admission, NodeDevices

REAP_EVERY_S: Final = 600.0
"""Expired requests, codes and counters are few; ten minutes keep the tables short."""


async def setup(house: House) -> None:
    """Build the registry, admit connections with it, and answer the pairing methods."""
    db, clock = house.database("state"), house.clock

    def settings() -> GatewaySettings:
        return house.config.get(GatewaySettings)

    def tls_fingerprint() -> str | None:
        tls = settings().tls
        return fingerprint(certificate_paths(house.home, tls)[0]) if tls.enabled else None

    mint = await asyncio.to_thread(TokenMint.load, house.home.keys_dir)
    lockouts = house.offer(Lockouts(db, clock, lambda: settings().limits, house.audit))
    await lockouts.load()
    notices, epoch = Notices(house.hub, clock, house.audit), AuthEpoch(house.hub)
    admission = DeviceAdmission(
        db=db,
        mint=mint,
        enrolment=Enrolment(db, mint, epoch, notices, clock),
        lockouts=lockouts,
        auth=lambda: settings().auth,
        clock=clock,
        tasks=house.tasks,
    )
    house.offer(admission, Admission)
    house.http.authenticate_with(admission.bearer)
    codes = SetupCodes(db, mint, settings, tls_fingerprint, clock)
    house.http.add("/j/{code}", JoinPage(codes, lockouts).get)
    devices = await _registry(house, mint, epoch, notices)
    repair = house.offer(Repair(db, devices, lockouts, codes, clock))
    house.rpc.add(DeviceApi(devices, codes, repair, house.audit))

    async def reap() -> None:
        await repair.reap()

    house.stack.callback(house.tasks.every("devices reaper", REAP_EVERY_S, reap).cancel)


async def _registry(house: House, mint: TokenMint, epoch: AuthEpoch, notices: Notices) -> Devices:
    devices = Devices(
        db=house.database("state"),
        mint=mint,
        epoch=epoch,
        tombstones=Tombstones(house.home.keys_dir),
        notices=notices,
        bus=house.bus,
        clock=house.clock,
        tasks=house.tasks,
    )
    await devices.start()
    house.offer(devices, NodeDevices)
    return house.offer(devices)


FEATURE = Feature("devices", setup=setup, package="gateway.devices", database="state")
