"""What clients see of nodes."""

from typing import Any

import msgspec

from gateway.nodes.model import LiveNode, NodeFacts, NodeRecord, SurfaceRequest
from gateway.nodes.policy import scopes_to_approve
from protocol.capability import Surface
from protocol.nouns.node import ApprovalState, NodePairRequest, NodeRow, PairedNode


def row(
    record: NodeRecord,
    live: LiveNode | None,
    request: SurfaceRequest | None,
    *,
    approves: bool,
    active: bool,
) -> NodeRow:
    """One node as of now; `approves`: the reader may see what waits for an approval."""
    facts = live.facts if live is not None else record.facts
    # An absent node shows what it would have, so that people see what they may ask for when it is back.
    surface = live.effective if live is not None else record.approved or Surface()
    found = NodeRow(
        **_profile(record, facts, surface),
        session_host=False,
        host_stats=live.host_stats if live is not None else record.host_stats,
        node_plugin_tools=list(live.tools) if live is not None else [],
        path_env=facts.path_env,
        approval_state=_state(record, request),
        last_connected_at_ms=record.connected_ms,
        last_disconnected_at_ms=record.disconnected_ms,
        last_seen_at_ms=record.seen_ms,
        last_seen_reason=record.seen_reason,
        approved_at_ms=record.approved_ms,
        active=True if active else None,
        paired=True,
        connected=live is not None,
    )
    return _with_request(_with_connection(found, live), request if approves else None)


def _with_connection(found: NodeRow, live: LiveNode | None) -> NodeRow:
    if live is None:
        return found
    return msgspec.structs.replace(
        found,
        connected_at_ms=live.connected_ms,
        last_active_at_ms=live.active_ms,
        presence_updated_at_ms=live.presence_ms,
    )


def _with_request(found: NodeRow, request: SurfaceRequest | None) -> NodeRow:
    if request is None:
        return found
    return msgspec.structs.replace(
        found,
        pending_request_id=request.request_id,
        pending_declared_caps=list(request.surface.caps),
        pending_declared_commands=list(request.surface.commands),
        pending_declared_permissions=_permissions(request.surface),
    )


def requested(record: NodeRecord, request: SurfaceRequest) -> NodePairRequest:
    """A surface that waits for an approval."""
    return NodePairRequest(
        request_id=request.request_id,
        **_profile(record, record.facts, request.surface),
        required_approve_scopes=[scope.value for scope in scopes_to_approve(request.surface.commands)],
        silent=request.silent,
        ts=request.asked_ms,
    )


def paired(record: NodeRecord) -> PairedNode:
    """A node with its approved surface."""
    return PairedNode(
        **_profile(record, record.facts, record.approved or Surface()),
        created_at_ms=record.created_ms,
        approved_at_ms=record.approved_ms or record.created_ms,
        last_connected_at_ms=record.connected_ms,
        last_seen_at_ms=record.seen_ms,
        last_seen_reason=record.seen_reason,
    )


def _profile(record: NodeRecord, facts: NodeFacts, surface: Surface) -> dict[str, Any]:
    """The members of a `NodeProfile`."""
    return {
        "node_id": record.node_id,
        "client_id": facts.client_id,
        "client_mode": facts.client_mode,
        "display_name": record.label or facts.display_name,
        "platform": facts.platform,
        "version": facts.version,
        "device_family": facts.device_family,
        "model_identifier": facts.model_identifier,
        "remote_ip": facts.remote_ip,
        "caps": list(surface.caps),
        "commands": list(surface.commands),
        "permissions": _permissions(surface),
    }


def _state(record: NodeRecord, request: SurfaceRequest | None) -> ApprovalState:
    if request is not None:
        return "pending-approval" if record.approved is None else "pending-reapproval"
    return "unapproved" if record.approved is None else "approved"


def _permissions(surface: Surface) -> dict[str, bool] | None:
    return dict(surface.permissions) or None
