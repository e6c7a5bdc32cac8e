"""Answers to what the Control UI asks of every gateway and this one has none of."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions.service import SessionIndex
from protocol.methods.sessions_elsewhere import (
    GitHubOptions,
    SessionCatalogs,
    SessionsCatalogList,
    SessionsGitHubOptions,
)


class ElsewhereApi:
    """No catalogs of other programs, no accounts to publish with."""

    def __init__(self, index: SessionIndex) -> None:
        self._index = index

    @handles(SessionsCatalogList)
    def catalogs(self, _ctx: Ctx, _call: SessionsCatalogList) -> SessionCatalogs:
        """None."""
        return SessionCatalogs(catalogs=[])

    @handles(SessionsGitHubOptions)
    def github(self, _ctx: Ctx, call: SessionsGitHubOptions) -> GitHubOptions:
        """None, for a session that is named properly."""
        self._index.resolve(call.session_key, call.agent_id)
        return GitHubOptions(personal=None, shared=None, pending_personal=None, latest_shared=None)
