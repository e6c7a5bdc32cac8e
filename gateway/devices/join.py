"""`GET /j/<code>`: a join link, good for one fetch."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.devices.lockouts import Lockouts, source_of
from gateway.devices.setup_codes import SetupCodes
from gateway.kernel.rpc.context import PeerFacts

MAX_JOIN_CHARS = 64
"""Codes are 22 characters; longer paths are not worth hashing."""


class JoinPage:
    """Serves setup codes to machines that were given a link."""

    def __init__(self, codes: SetupCodes, lockouts: Lockouts) -> None:
        self._codes = codes
        self._lockouts = lockouts

    async def get(self, request: Request) -> Response:
        """The setup JSON once; 404 for anything else, which counts as a guess."""
        peer: PeerFacts = request.scope["homarus.peer"]
        source = source_of(peer)
        self._lockouts.check(source, "join")
        code: str = request.path_params["code"]
        usable = request.method == "GET" and len(code) <= MAX_JOIN_CHARS
        found = await self._codes.take_join(code) if usable else None
        headers = {"Cache-Control": "no-store"}
        if found is None:
            await self._lockouts.failed(source, "join")
            return JSONResponse({"error": "not_found"}, 404, headers)
        return Response(found, 200, headers, "application/json")
