"""One message and its answer, whatever happens to the connection."""

import os
import signal
import time

import pytest

from gateway.cli.client import Client
from gateway.cli.conversation import Conversation, Reply, failure
from gateway.cli.failure import CommandFailed, Denied
from gateway.cli.reach import Reach
from tests.cli.scripted import Peer, gateway


def say(reach: Reach, text: str = "hi") -> tuple[Reply, str, list[str]]:
    """Say something; the reply, what was written, and the notes."""
    written: list[str] = []
    notes: list[str] = []
    conversation = Conversation(lambda: Client.connect(reach), "agent:main:main", None, notes.append)
    try:
        return conversation.say(text, written.append), "".join(written), notes
    finally:
        conversation.close()


def accept(peer: Peer, status: str = "started") -> str:
    """Take a message in; its run."""
    request = peer.request("chat.send")
    run_id: str = request["params"]["idempotencyKey"]
    peer.answer(request, {"runId": run_id, "status": status})
    return run_id


def test_only_what_is_new_is_written() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        peer.chat(run, "status", phase="starting_model")
        peer.chat("another-run", "delta", "not for us")
        peer.chat(run, "delta", "Hel", deltaText="Hel")
        peer.chat(run, "delta", "Hello there", deltaText="lo there")
        peer.chat(run, "final", "Hello there!", stopReason="stop")

    with gateway(script) as reach:
        reply, written, _ = say(reach)
    assert (reply.how, reply.text, written) == ("final", "Hello there!", "Hello there!")


def test_a_delta_without_the_text_so_far_is_added() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        peer.chat(run, "delta", deltaText="one ")
        peer.chat(run, "delta", deltaText="two")
        peer.chat(run, "final")

    with gateway(script) as reach:
        assert say(reach)[1] == "one two"


def test_an_answer_begun_anew_starts_on_a_fresh_line() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        peer.chat(run, "delta", "I think", deltaText="I think")
        peer.chat(run, "delta", "No: 42", deltaText="No: 42", replace=True)
        peer.chat(run, "final", "No: 42.")

    with gateway(script) as reach:
        assert say(reach)[1] == "I think\nNo: 42."


def test_words_of_an_agent_cannot_drive_the_terminal() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.chat(accept(peer), "final", "\x1b]0;title\x07ok\n\u202e")

    with gateway(script) as reach:
        assert say(reach)[1] == r"\x1b]0;title\x07ok" + "\n" + r"\u202e"


def test_events_before_the_acknowledgement_are_not_lost() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        request = peer.request("chat.send")
        run = request["params"]["idempotencyKey"]
        peer.chat(run, "final", "quick")
        peer.answer(request, {"runId": run, "status": "started"})

    with gateway(script) as reach:
        assert say(reach)[1] == "quick"


def test_a_lost_connection_is_taken_up_where_it_was() -> None:
    """The same key is sent again, so that nothing is asked twice."""
    keys: list[str] = []

    def first(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        keys.append(run)
        peer.chat(run, "delta", "One, ", deltaText="One, ")

    def second(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer, "in_flight")
        keys.append(run)
        peer.chat(run, "delta", "One, two, ", deltaText="two, ")
        peer.chat(run, "final", "One, two, three.")

    with gateway(first, second) as reach:
        reply, written, notes = say(reach)
    assert (written, keys[0]) == ("One, two, three.", keys[1])
    assert reply.how == "final"
    assert notes == ["connection lost, looking for the gateway"]


@pytest.mark.parametrize(
    ("outcome", "how", "written"),
    [
        (
            {"status": "ok", "terminalReply": {"disposition": "visible", "text": "One, two."}},
            "final",
            "One, two.",
        ),
        ({"status": "error", "error": "interrupted by a restart"}, "error", "One, "),
    ],
)
def test_a_run_that_ended_meanwhile_is_asked_for(outcome: dict[str, object], how: str, written: str) -> None:
    def first(peer: Peer) -> None:
        peer.welcome()
        peer.chat(accept(peer), "delta", "One, ", deltaText="One, ")

    def second(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer, "ok")
        request = peer.request("agent.wait")
        assert request["params"]["runId"] == run
        peer.answer(request, {"runId": run, **outcome})

    with gateway(first, second) as reach:
        reply, shown, _ = say(reach)
    assert (reply.how, shown) == (how, written)


def test_tools_are_noted() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        for phase in ("start", "end"):
            payload = {
                "runId": run, "stream": "item", "data": {"phase": phase, "title": "search \x1b notes"},
                "sessionKey": "agent:main:main", "agentId": "main", "seq": 1, "ts": 1, "isHeartbeat": False,
            }  # fmt: skip
            peer.send({"type": "event", "event": "agent", "payload": payload})
        peer.chat(run, "final", "done")

    with gateway(script) as reach:
        assert say(reach)[2] == [r"search \x1b notes"]


def test_control_c_aborts_the_run_and_keeps_what_was_said() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        run = accept(peer)
        peer.chat(run, "delta", "Once upon", deltaText="Once upon")
        time.sleep(0.2)  # the words must be shown before the key is pressed
        os.kill(os.getpid(), signal.SIGINT)
        request = peer.request("chat.abort")
        assert request["params"] == {"sessionKey": "agent:main:main", "runId": run}
        peer.answer(request, {"ok": True, "aborted": True, "runIds": [run]})
        peer.chat(run, "aborted", "Once upon", stopReason="rpc")

    before = signal.getsignal(signal.SIGINT)
    with gateway(script) as reach:
        reply, written, _ = say(reach)
    assert (reply.how, reply.reason, written) == ("aborted", "rpc", "Once upon")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_control_c_leaves() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        accept(peer)
        os.kill(os.getpid(), signal.SIGINT)
        peer.request("chat.abort")
        os.kill(os.getpid(), signal.SIGINT)

    with gateway(script) as reach, pytest.raises(KeyboardInterrupt):
        say(reach)


def test_a_failed_run_says_why() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.chat(accept(peer), "error", errorMessage="the model is \x1b gone")

    with gateway(script) as reach:
        reply, _, _ = say(reach)
    assert str(failure(reply)).startswith(r"no answer: the model is \x1b gone; ")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "FORBIDDEN", "message": "missing scope: operator.write"}, Denied),
        ({"code": "UNAVAILABLE", "message": "too many messages wait", "retryable": True}, CommandFailed),
    ],
)
def test_a_message_that_is_not_accepted_is_an_error(error: dict[str, object], kind: type[Exception]) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.refuse(peer.request("chat.send"), **error)

    with gateway(script) as reach, pytest.raises(kind, match=str(error["message"])):
        say(reach)
