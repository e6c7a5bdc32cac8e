"""A node may do what it claims, what was approved and what policy allows, all at once (row S3.I-1)."""

from hypothesis import given
from hypothesis import strategies as st

from protocol.capability import Surface, negotiate
from protocol.connect import ClientInfo, ConnectParams

NAMES = st.lists(st.sampled_from(["camera.snap", "canvas.present", "location.get", "system.run"]), max_size=4)
CAPS = st.lists(st.sampled_from(["camera", "canvas", "location", "voice"]), max_size=4)
SURFACES = st.builds(Surface.of, CAPS, NAMES)


def allow_all(_command: str) -> bool:
    return True


def test_equal_surfaces_are_equal_in_any_order() -> None:
    assert Surface.of(["b", "a", "a"], ["y", "x"]) == Surface.of(["a", "b"], ["x", "y", "x"])


def test_a_connect_request_makes_claims() -> None:
    params = ConnectParams(
        min_protocol=4,
        max_protocol=4,
        client=ClientInfo(id="node-host", version="1", platform="linux", mode="node"),
        role="node",
        caps=("canvas",),
        commands=("canvas.present",),
        permissions={"camera.capture": True},
    )
    assert Surface.claimed(params) == Surface.of(["canvas"], ["canvas.present"], [("camera.capture", True)])


def test_a_capability_goes_with_its_last_command() -> None:
    claims = Surface.of(["camera", "canvas", "voice"], ["camera.snap", "canvas.present"])
    found = negotiate(claims, claims, lambda command: command != "camera.snap")
    assert found == Surface.of(["canvas", "voice"], ["canvas.present"])


def test_a_permission_counts_when_granted_on_both_sides() -> None:
    asked = Surface.of(permissions=[("screen.record", True), ("camera.capture", True)])
    approved = Surface.of(permissions=[("screen.record", False), ("camera.capture", True)])
    effective = dict(negotiate(asked, approved, allow_all).permissions)
    assert effective == {"screen.record": False, "camera.capture": True}
    assert not asked.within(approved)


def test_a_permission_taken_away_on_the_node_needs_no_approval() -> None:
    """OpenClaw shows what a node says it lacks as lacking, and nothing that nobody decided on."""
    asked = Surface.of(permissions=[("screen.record", False), ("new", True), ("never.approved", False)])
    approved = Surface.of(permissions=[("screen.record", True)])
    effective = dict(negotiate(asked, approved, allow_all).permissions)
    assert effective == {"screen.record": False, "never.approved": False}
    assert Surface.of(permissions=[("screen.record", False)]).within(Surface.of())


@given(SURFACES, SURFACES)
def test_the_result_never_exceeds_either_side(claims: Surface, approved: Surface) -> None:
    found = negotiate(claims, approved, allow_all)
    assert found.within(claims)
    assert found.within(approved)
    assert negotiate(claims, approved, lambda _: False).commands == ()
