"""Who gets an address of the canvas host, and a new one."""

from gateway.canvas.passes import Passes
from gateway.kernel.net.facts import ConnectionClosed
from gateway.kernel.net.hello import SurfaceAddresses
from gateway.kernel.rpc.context import Ctx, PeerFacts, Principal
from gateway.kernel.rpc.router import handles
from gateway.nodes.registry import NodeRegistry
from protocol.connect import ConnectParams
from protocol.errors import InvalidRequest, Unavailable
from protocol.methods.canvas import NodePluginSurfaceRefresh, PluginSurfaceRefresh, SurfaceUrls
from protocol.scopes import Role, Scope, allows

SURFACE = "canvas"
"""The one surface this gateway has."""


class SurfacesApi:
    """`hello-ok.pluginSurfaceUrls` and its renewal."""

    def __init__(self, passes: Passes, registry: NodeRegistry) -> None:
        self._passes = passes
        self._registry = registry

    async def at_hello(self, claims: ConnectParams) -> SurfaceAddresses:
        """What `hello-ok` will say: operators get an address, and nodes whose canvas is approved."""
        node_id = claims.device.id if claims.device is not None else None
        asks = claims.role == Role.NODE and SURFACE in claims.caps
        approved = asks and await self._approved(node_id)

        def urls(principal: Principal, peer: PeerFacts) -> dict[str, str] | None:
            if peer.base_url:
                self._passes.met(principal.conn_id, peer.base_url)
            operator = principal.role is Role.OPERATOR
            entitled = allows(principal.scopes, Scope.READ) if operator else approved
            url = self._passes.url(principal.conn_id) if entitled else None
            return {SURFACE: url} if url is not None else None

        return urls

    def on_closed(self, fact: ConnectionClosed) -> None:
        """Its addresses end with a connection."""
        self._passes.end(fact.principal.conn_id)

    @handles(NodePluginSurfaceRefresh)
    async def for_node(self, ctx: Ctx, call: NodePluginSurfaceRefresh) -> SurfaceUrls:
        """See `NodePluginSurfaceRefresh`."""
        live = await self._registry.of(ctx.principal)
        if SURFACE not in live.effective.caps:
            raise _unavailable(call.surface)
        return self._refreshed(ctx.conn_id, call.surface, call.observed_url)

    @handles(PluginSurfaceRefresh)
    async def for_operator(self, ctx: Ctx, call: PluginSurfaceRefresh) -> SurfaceUrls:
        """See `PluginSurfaceRefresh`."""
        return self._refreshed(ctx.conn_id, call.surface, call.observed_url)

    def _refreshed(self, conn_id: str, surface: str, observed_url: str | None) -> SurfaceUrls:
        if surface != SURFACE:
            raise _unavailable(surface)
        present = self._passes.present(conn_id)
        if observed_url is not None and present is not None and observed_url != present:
            return SurfaceUrls(surface=surface, plugin_surface_urls={surface: present})
        url = self._passes.rotate(conn_id)
        if url is None:
            raise _unavailable(surface)
        expires_at_ms = self._passes.expires_ms(conn_id)
        return SurfaceUrls(surface=surface, plugin_surface_urls={surface: url}, expires_at_ms=expires_at_ms)

    async def _approved(self, node_id: str | None) -> bool:
        try:
            record = await self._registry.record(node_id or "")
        except InvalidRequest:
            return False
        return record.approved is not None and SURFACE in record.approved.caps


def _unavailable(surface: str) -> Unavailable:
    return Unavailable(f"{surface} plugin surface unavailable")
