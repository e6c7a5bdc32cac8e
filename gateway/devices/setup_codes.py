"""Setup codes: one device, ten minutes, 256 random bits."""

import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.devices import setup_store
from gateway.devices.addresses import Address, pairing_address
from gateway.devices.mint import TokenMint
from gateway.devices.model import SetupCode
from gateway.kernel.clock import Clock
from gateway.kernel.config.gateway import GatewaySettings
from gateway.kernel.store.db import Database, Tx
from protocol.errors import InvalidRequest
from protocol.methods.device import DevicePairSetupCode, DeviceSetupCode
from protocol.nouns.device import SetupAccess, SetupCompletion
from protocol.signature import encode_base64url

LIFETIME_MS: Final = 10 * 60 * 1000
"""Time to carry a code to a device. Observed from OpenClaw 2026.9.6."""

REMEMBERED_MS: Final = 60 * 60 * 1000
"""How long after its end a code's outcome can still be asked for."""

JOIN_BYTES: Final = 16
"""128 bits in a join link: 22 characters somebody may have to type."""

QR_SCALE: Final = 4
"""Pixels per module; the longest code stays well under the 16 KiB clients accept."""


class SetupPayload(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """What a setup code says. Source: OpenClaw 2026.9.6 setup codes, decoded."""

    url: str
    bootstrap_token: str = ""
    expires_at_ms: int = 0
    tls_fingerprint: str | None = None


class SetupCodes:
    """Makes setup codes and hands them over; using one is part of entering (`enrolment`)."""

    def __init__(
        self,
        db: Database,
        mint: TokenMint,
        settings: Callable[[], GatewaySettings],
        tls_fingerprint: Callable[[], str | None],
        clock: Clock,
    ) -> None:
        self._db = db
        self._mint = mint
        self._settings = settings
        self._tls_fingerprint = tls_fingerprint
        self._clock = clock

    async def make(self, call: DevicePairSetupCode) -> DeviceSetupCode:
        """A fresh code.

        Raises:
            InvalidRequest: when no device could reach the address it would carry.
        """
        settings = self._settings()
        address = pairing_address(settings, call.public_url)
        if call.join_url and not (address.secure or address.loopback):
            raise InvalidRequest(
                "A join link needs an encrypted address (wss://); use the setup code itself instead."
            )
        access, downgraded = _access(call, address)
        join = secrets.token_urlsafe(JOIN_BYTES) if call.join_url else None
        payload = SetupPayload(
            url=address.url, tls_fingerprint=self._tls_fingerprint() if address.direct else None
        )
        code = self._code(access, payload, join)
        await self._db.write(lambda tx: setup_store.add(tx, code))
        text = self._text(code)
        return DeviceSetupCode(
            setup_id=code.setup_id,
            expires_at_ms=code.expires_ms,
            setup_code=encode_base64url(text),
            gateway_url=address.url,
            auth="password" if settings.auth.mode == "password" else "token",
            url_source=address.source,
            access=access,
            join_url=f"{address.page_url}/j/{join}" if join is not None else None,
            qr_data_url=_qr(encode_base64url(text)) if call.include_qr else None,
            access_downgraded=True if downgraded else None,
        )

    async def take_join(self, join: str) -> bytes | None:
        """The setup JSON behind a join link, this once; None for an unknown, used or expired link."""
        digest, now_ms = self._mint.hash(join), self._clock.now_ms()

        def take(tx: Tx) -> SetupCode | None:
            return setup_store.take_join(tx, digest, now_ms)

        code = await self._db.write(take)
        return self._text(code) if code is not None else None

    async def completion(self, setup_id: str) -> SetupCompletion | None:
        """Which device used a code; None while nobody did."""
        code = await self._db.read(lambda tx: setup_store.find(tx, setup_id))
        if code is None or code.used_ms is None or code.bound_device is None:
            return None
        return SetupCompletion(
            setup_id=code.setup_id,
            device_id=code.bound_device,
            access=code.access,
            ts=code.used_ms,
            device_name=code.device_name,
        )

    async def reap(self) -> int:
        """Forget codes that ended a while ago; how many."""
        before_ms = self._clock.now_ms() - REMEMBERED_MS
        return await self._db.write(lambda tx: setup_store.drop_old(tx, before_ms))

    def _code(self, access: SetupAccess, payload: SetupPayload, join: str | None) -> SetupCode:
        now_ms, setup_id = self._clock.now_ms(), self._mint.new_id()
        return SetupCode(
            setup_id=setup_id,
            token_hash=self._mint.hash(self._mint.bootstrap_token(setup_id)),
            join_hash=self._mint.hash(join) if join is not None else None,
            payload=msgspec.json.encode(payload).decode(),
            access=access,
            created_ms=now_ms,
            expires_ms=now_ms + LIFETIME_MS,
            bound_device=None,
            used_ms=None,
            device_name=None,
        )

    def _text(self, code: SetupCode) -> bytes:
        """The code's JSON; its token is computed, because only a hash of it is stored."""
        payload = msgspec.json.decode(code.payload, type=SetupPayload)
        payload.bootstrap_token = self._mint.bootstrap_token(code.setup_id)
        payload.expires_at_ms = code.expires_ms
        return msgspec.json.encode(payload)


def _access(call: DevicePairSetupCode, address: Address) -> tuple[SetupAccess, bool]:
    """What the code gives, and whether that is less than asked for because its way is not encrypted."""
    if call.bootstrap_profile is not None:
        return call.bootstrap_profile, False
    if address.secure or address.loopback:
        return "full", False
    return "limited", True


def _qr(text: str) -> str:
    import segno

    return segno.make_qr(text, error="l").png_data_uri(scale=QR_SCALE)
