"""Composes `hello-ok` from what the features contribute."""

from collections.abc import Awaitable, Callable

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import RESUME_CAP, Hub
from gateway.kernel.ports import Admitted
from gateway.kernel.rpc.context import PeerFacts, Principal
from gateway.kernel.rpc.router import Router
from protocol.connect import (
    AttachmentPolicy,
    ConnectParams,
    Features,
    HelloOk,
    Policy,
    ResumeRequest,
    ResumeState,
    ServerInfo,
    SessionDefaults,
    Snapshot,
    Suspension,
)
from protocol.limits import (
    MAX_ATTACHMENT_BYTES,
    MAX_BUFFERED_BYTES,
    MAX_IMAGE_BYTES,
    MAX_PAYLOAD_BYTES,
    TICK_INTERVAL_MS,
)
from protocol.method import EVENTS
from protocol.scopes import Role, Scope, allows
from protocol.version import COMPATIBLE_RELEASE

SurfaceAddresses = Callable[[Principal, PeerFacts], dict[str, str] | None]
"""Gives an admitted connection the addresses of what features serve to it, at once."""

SurfaceLookup = Callable[[ConnectParams], Awaitable[SurfaceAddresses]]
"""Looks up what that takes, for a client that is not admitted yet."""


async def _no_surfaces(_: ConnectParams) -> SurfaceAddresses:
    return lambda _, __: None


class HelloSources(msgspec.Struct):
    """Where the parts of the snapshot come from; each feature sets its own during setup."""

    presence: Callable[[], msgspec.Raw] = lambda: msgspec.Raw(b"[]")
    health: Callable[[], msgspec.Raw] = lambda: msgspec.Raw(b"{}")
    session_defaults: Callable[[], SessionDefaults | None] = lambda: None
    surfaces: SurfaceLookup = _no_surfaces
    capabilities: set[str] = msgspec.field(default_factory=lambda: {RESUME_CAP})
    auth_mode: str = "token"
    config_path: str = ""
    state_dir: str = ""


class HelloComposer:
    """Builds the answer to each successful `connect`."""

    def __init__(
        self, sources: HelloSources, router: Router, hub: Hub, clock: Clock, started_ms: int
    ) -> None:
        self._sources = sources
        self._router = router
        self._hub = hub
        self._clock = clock
        self._started_ms = started_ms

    async def surfaces(self, claims: ConnectParams) -> SurfaceAddresses:
        """What will give the connection its addresses once it is admitted."""
        return await self._sources.surfaces(claims)

    def compose(
        self,
        admitted: Admitted,
        protocol: int,
        resume: ResumeRequest | None,
        *,
        resumable: bool,
        surfaces: dict[str, str] | None = None,
    ) -> HelloOk:
        """`hello-ok` for one connection. Source: hello-ok as recorded from OpenClaw 2026.9.6, section c.4."""
        principal = admitted.principal
        return HelloOk(
            protocol=protocol,
            server=ServerInfo(version=COMPATIBLE_RELEASE, boot_id=self._hub.epoch, conn_id=principal.conn_id),
            features=Features(
                methods=self._router.names(),
                events=sorted(EVENTS),
                capabilities=sorted(self._sources.capabilities),
            ),
            snapshot=self._snapshot(principal),
            auth=admitted.auth,
            policy=_POLICY,
            plugin_surface_urls=surfaces,
            resume=self._resume_state(resume) if resumable else None,
        )

    def _snapshot(self, principal: Principal) -> Snapshot:
        sources = self._sources
        operator = principal.role is Role.OPERATOR
        admin = operator and allows(principal.scopes, Scope.ADMIN)
        reader = operator and allows(principal.scopes, Scope.READ)
        return Snapshot(
            suspension=Suspension(phase="accepting"),
            presence=sources.presence() if reader else msgspec.Raw(b"[]"),
            health=sources.health(),
            state_version=self._hub.state_version,
            uptime_ms=self._clock.now_ms() - self._started_ms,
            session_defaults=sources.session_defaults(),
            auth_mode=sources.auth_mode if admin else None,
            config_path=sources.config_path if admin else None,
            state_dir=sources.state_dir if admin else None,
        )

    def _resume_state(self, resume: ResumeRequest | None) -> ResumeState:
        resumed = self._hub.missed(resume) is not None
        return ResumeState(epoch=self._hub.epoch, cursor=self._hub.cursor, resumed=resumed)


_POLICY = Policy(
    max_payload=MAX_PAYLOAD_BYTES,
    max_buffered_bytes=MAX_BUFFERED_BYTES,
    tick_interval_ms=TICK_INTERVAL_MS,
    attachments=AttachmentPolicy(max_bytes=MAX_ATTACHMENT_BYTES, max_image_bytes=MAX_IMAGE_BYTES),
)
