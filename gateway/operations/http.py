"""What a process manager, a load balancer or Prometheus asks over HTTP.

Anyone may ask whether the gateway lives. Details are for this machine and for bearers of a token with
`operator.read`: part names tell a stranger what is installed.

Source: shapes as observed from OpenClaw 2026.9.6; `degraded` and `parts` are ours.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.kernel.health import HealthBoard
from gateway.kernel.net.routes import HttpRoutes
from gateway.kernel.rpc.context import PeerFacts
from gateway.operations.health import HealthFeed
from gateway.operations.loop import EventLoopMonitor
from gateway.operations.metrics import CONTENT_TYPE, Metrics
from gateway.operations.status import StatusService
from protocol.scopes import Scope
from protocol.version import COMPATIBLE_RELEASE


class Probes:
    """The probe routes."""

    def __init__(
        self,
        *,
        http: HttpRoutes,
        board: HealthBoard,
        feed: HealthFeed,
        status: StatusService,
        loop: EventLoopMonitor,
        metrics: Metrics,
    ) -> None:
        self._http = http
        self._board = board
        self._feed = feed
        self._status = status
        self._loop = loop
        self._metrics = metrics

    def add_routes(self) -> None:
        """Serve all of them."""
        for path, handler in (
            ("/healthz", self.live),
            ("/health", self.health),
            ("/readyz", self.ready),
            ("/ready", self.ready),
            ("/startupz", self.started),
            ("/metrics", self.scrape),
        ):
            self._http.add(path, handler)

    async def live(self, _: Request) -> Response:
        """200 whenever the event loop turns."""
        return _json({"ok": True, "status": "live"})

    async def health(self, request: Request) -> Response:
        """200 while serving, with `status: degraded` when a part fails; 503 when a core part fails."""
        failing = self._board.failing()
        broken = self._board.failing(core=True)
        status = "failing" if broken else "degraded" if failing else "live"
        body: dict[str, object] = {"ok": not broken, "status": status}
        if failing and await self._may_see(request):
            body["degraded"] = failing
            body["parts"] = self._feed.parts()
        return _json(body, 503 if broken else 200)

    async def ready(self, request: Request) -> Response:
        """200 when requests can be served; 503 while a core part fails."""
        broken = self._board.failing(core=True)
        body: dict[str, object] = {"ready": not broken}
        if await self._may_see(request):
            body |= {"failing": broken, "uptimeMs": self._status.uptime_ms(), "eventLoop": self._loop.reading}
        return _json(body, 503 if broken else 200)

    async def started(self, _: Request) -> Response:
        """200 once everything that must be there is there; the port opens only then."""
        return _json(
            {
                "ok": True,
                "status": "started",
                "version": COMPATIBLE_RELEASE,
                "uptimeMs": self._status.uptime_ms(),
            }
        )

    async def scrape(self, request: Request) -> Response:
        """Prometheus text.

        Raises:
            GatewayError: for a caller from elsewhere without a token that may read.
        """
        if not _local(request):
            (await self._http.bearer(request)).require(Scope.READ)
        return Response(self._metrics.text(), media_type=CONTENT_TYPE, headers=_FRESH)

    async def _may_see(self, request: Request) -> bool:
        if _local(request):
            return True
        if "authorization" not in request.headers:
            return False
        (await self._http.bearer(request)).require(Scope.READ)
        return True


_FRESH = {"Cache-Control": "no-store"}


def _local(request: Request) -> bool:
    peer: PeerFacts = request.scope["homarus.peer"]
    # A page in a browser on this machine is not this machine's owner.
    return (peer.direct_loopback or peer.local_user) and peer.origin is None


def _json(body: dict[str, object], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json", headers=_FRESH)
