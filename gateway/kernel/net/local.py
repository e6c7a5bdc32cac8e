"""Entry over the Unix socket: whoever can open it is the gateway's own user and may do everything.

This is how the command line works without a token, and how a locked-out owner repairs pairing. The socket
file is 0600 in a 0700 folder; browsers cannot reach it.
"""

import msgspec

from gateway.kernel.audit.trail import Recorder
from gateway.kernel.ports import Admission, Admitted
from gateway.kernel.rpc.context import PeerFacts, Principal
from protocol.connect import ConnectParams, HelloAuth
from protocol.errors import Forbidden, InvalidRequest
from protocol.scopes import ALL_SCOPES, Role, parse_scopes

OWNER_PROFILE = "gateway-owner"
"""The one person behind operator connections."""


class LocalAdmission(msgspec.Struct, frozen=True):
    """Admits the local user directly, and asks `remote` about everyone else.

    Programs of agents run as that user too and are turned away: no agent gives itself rights.
    """

    remote: Admission
    audit: Recorder

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        """See `Admission.admit`."""
        if not peer.local_user:
            return await self.remote.admit(params, peer)
        if peer.agent_id is not None:
            self.audit.record(
                "agent.ownersDoor",
                actor=f"agent:{peer.agent_id or 'unknown'}",
                subject=params.client.id,
                outcome="refused",
            )
            raise Forbidden("programs of agents do not use the owner's socket; ask the person instead")
        if params.role != Role.OPERATOR:
            raise InvalidRequest("the local socket is for operators; nodes connect over the network port")
        scopes = parse_scopes(params.scopes) or tuple(sorted(ALL_SCOPES))
        principal = Principal(
            conn_id=peer.conn_id,
            role=Role.OPERATOR,
            scopes=scopes,
            client=params.client,
            device_id=None,
            profile_id=OWNER_PROFILE,
            caps=frozenset(params.caps),
            remote_ip=peer.remote_ip,
            auth_method="local",
        )
        auth = HelloAuth(method="local", role=Role.OPERATOR, scopes=list(scopes))
        return Admitted(principal=principal, auth=auth)
