"""Errors of nodes as callers see them: the code in both places where clients look (row S0.3-4)."""

import pytest

from gateway.nodes.failures import MAX_MESSAGE_CHARS, NodeFailed, NodeRefused, node_failure
from gateway.nodes.model import NodeFacts
from protocol.nouns.node import NodeFailure

LINUX = NodeFacts(client_id="node-host", client_mode="node", version="1", platform="linux")
MAC = NodeFacts(client_id="openclaw-macos", client_mode="node", version="1", platform="macOS 26.0")


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (NodeFailure(code="CAMERA_DISABLED", message="switch it on"), "CAMERA_DISABLED", "switch it on"),
        (
            NodeFailure(code="CAMERA_DISABLED", message="CAMERA_DISABLED: on"),
            "CAMERA_DISABLED",
            "CAMERA_DISABLED: on",
        ),
        (NodeFailure(code="CAMERA_DISABLED", message=None), "CAMERA_DISABLED", "node invoke failed"),
        (NodeFailure(code=None, message="no camera"), "UNAVAILABLE", "no camera"),
        (NodeFailure(code="", message=""), "UNAVAILABLE", "node invoke failed"),
        (NodeFailure(code=None, message=None), "UNAVAILABLE", "node invoke failed"),
        (None, "UNAVAILABLE", "node invoke failed"),
    ],
)
def test_the_code_is_in_the_message_and_in_the_details(
    failure: NodeFailure | None, code: str, message: str
) -> None:
    """OpenClaw prepends the code even when the message begins with it; clients expect that."""
    error = node_failure(failure, "device.info", LINUX)
    assert isinstance(error, NodeFailed)
    assert error.shape().code == "UNAVAILABLE"
    assert error.message == f"{code}: {message}"
    assert error.details == {"nodeError": {"code": code, "message": message}, "nodeCommandDispatched": True}
    assert (error.node_code, error.node_message) == (code, message)


@pytest.mark.parametrize(
    ("command", "facts", "refused"),
    [
        ("canvas.present", MAC, True),
        ("canvas.hide", LINUX, True),
        ("canvas.navigate", MAC, True),
        ("canvas.eval", MAC, False),
        ("camera.snap", LINUX, True),
        ("location.get", LINUX, True),
        ("camera.snap", MAC, False),
        ("location.get", MAC, False),
        ("system.run", LINUX, False),
    ],
)
def test_commands_that_plugins_answer_for_fail_as_the_callers_mistake(
    command: str, facts: NodeFacts, refused: bool
) -> None:
    """Observed from OpenClaw 2026.9.6 (reference, section 1.5)."""
    error = node_failure(NodeFailure(code="CAMERA_DISABLED", message="off"), command, facts)
    assert isinstance(error, NodeRefused) is refused
    assert error.shape().code == ("INVALID_REQUEST" if refused else "UNAVAILABLE")
    assert error.message == ("off" if refused else "CAMERA_DISABLED: off")
    assert error.details.get("code") == ("CAMERA_DISABLED" if refused else None)
    assert error.details["nodeError"] == {"code": "CAMERA_DISABLED", "message": "off"}


def test_a_nodes_last_words_are_cut_to_a_size_callers_can_take() -> None:
    error = node_failure(NodeFailure(code="X" * 1000, message="y" * 1_000_000), "device.info", LINUX)
    assert error.node_code == "X" * 128
    assert error.node_message == "y" * MAX_MESSAGE_CHARS
