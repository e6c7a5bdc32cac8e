"""What agents do with nodes: through policy, a person's approval and the audit log.

Rows S1.B-9, S1.M-7, DC-7; security case 39.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from protocol.ids import new_id
from tests.support.daemon import Daemon
from tests.support.nodes import LINUX, Answer, Failure, ScriptedNode
from tests.support.wire import Json, WireClient

RAN: Json = {
    "exitCode": 0,
    "timedOut": False,
    "success": True,
    "stdout": "Linux\n",
    "stderr": "",
    "error": None,
}

COMMANDS = ["system.run", "system.run.prepare", "system.notify", "device.status", "location.get"]

ENDS = {"final", "aborted", "error"}


async def prepared(params: Json) -> Json:
    """A plan as OpenClaw's node host makes one: the program resolved, its own rules beside it."""
    argv = [f"/usr/bin/{params['command'][0]}", *params["command"][1:]]
    plan = {
        "argv": argv,
        "cwd": params.get("cwd"),
        "commandText": " ".join(argv),
        "commandPreview": None,
        "agentId": params["agentId"],
        "sessionKey": params["sessionKey"],
        "fromTheFuture": {"kept": True},
    }
    return {"plan": plan, "execPolicy": {"security": "full", "ask": "off"}}


async def always_asks(params: Json) -> Json:
    """The same from a node whose own rules want a person each time."""
    return {**await prepared(params), "execPolicy": {"security": "full", "ask": "always"}}


def laptop(daemon: Daemon, **answers: Answer) -> ScriptedNode:
    """A node that runs programs."""
    given: Mapping[str, Answer] = {
        "system.run.prepare": prepared,
        "system.run": RAN,
        "system.notify": {"ok": True},
        "device.status": {"uptimeSeconds": 5},
        **{name.replace("_", "."): answer for name, answer in answers.items()},
    }
    return ScriptedNode(
        daemon, caps=["system", "device", "location"], commands=COMMANDS, answers=given, client=LINUX
    )


class House:
    """A gateway with one approved node, and its owner."""

    def __init__(self, owner: WireClient, node: ScriptedNode) -> None:
        self.owner = owner
        self.node = node

    async def say(self, text: str, session_key: str = "agent:main:main") -> str:
        """Send a message; returns its run."""
        run_id = new_id()
        call = {"sessionKey": session_key, "message": text, "idempotencyKey": run_id}
        await self.owner.call("chat.send", call)
        return run_id

    async def answer(self, run_id: str) -> str:
        """What the agent said."""
        frame = await self.owner.wait_event("chat", lambda p: p["runId"] == run_id and p["state"] in ENDS)
        assert frame["payload"]["state"] == "final", frame
        return frame["payload"]["message"]["content"][0]["text"]

    async def asked(self, about: str = "", since: int = 0) -> Json:
        """The question for an approval of a command with these letters in it."""

        def is_it(payload: Json) -> bool:
            return about in payload["request"]["command"]

        return (await self.owner.wait_event("exec.approval.requested", is_it, since=since))["payload"]

    async def decide(self, decision: str, since: int = 0) -> Json:
        """Answer it; returns the question."""
        question = await self.asked(since=since)
        await self.owner.call("exec.approval.resolve", {"id": question["id"], "decision": decision})
        return question

    async def tool(self, name: str, **args: Any) -> Json:
        """Run a tool as a person would from the tools page."""
        call = {"name": name, "args": args, "idempotencyKey": new_id()}
        return await self.owner.call("tools.invoke", call)

    def ran(self) -> list[Json]:
        """Parameters of every `system.run` the node got."""
        return [json.loads(one["paramsJSON"]) for one in self.node.seen if one["command"] == "system.run"]


@pytest.fixture
async def house(shared_daemon: Daemon) -> AsyncIterator[House]:
    """See `House`."""
    async with (
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as owner,
        laptop(shared_daemon) as node,
    ):
        await owner.connect(caps=["tool-events"])
        await node.approved_by(owner)
        yield House(owner, node)


class TestRun:
    """`node_run`."""

    async def test_a_program_runs_exactly_as_it_was_approved(self, house: House) -> None:
        run_id = await house.say("run uname -a on laptop")
        question = await house.decide("allow-once")
        assert await house.answer(run_id) == "Linux"
        asked = question["request"]
        assert asked["command"] == "/usr/bin/uname -a"
        assert asked["systemRunPlan"]["argv"] == ["/usr/bin/uname", "-a"]
        assert (asked["nodeId"], asked["host"], asked["agentId"]) == (house.node.id, "node", "main")
        (params,) = house.ran()
        assert params["command"] == ["/usr/bin/uname", "-a"]
        assert params["rawCommand"] == "/usr/bin/uname -a"
        assert (params["approved"], params["approvalDecision"]) == (True, "allow-once")
        # The node recognises its plan by every field, also those we know nothing of.
        assert params["systemRunPlan"]["fromTheFuture"] == {"kept": True}
        assert params["sessionKey"] == "agent:main:main"

        report = {"runId": params["runId"], "sessionKey": params["sessionKey"], "exitCode": 0}
        assert (await house.node.event("exec.finished", report))["handled"] is True

    async def test_a_yes_is_for_one_run(self, house: House) -> None:
        first = await house.say("run uname -a on laptop")
        await house.decide("allow-once")
        await house.answer(first)
        mark = house.owner.mark()
        second = await house.say("run uname -r on laptop")
        question = await house.decide("allow-once", mark)
        assert question["request"]["command"] == "/usr/bin/uname -r"
        await house.answer(second)
        assert [run["command"][1] for run in house.ran()] == ["-a", "-r"]

    async def test_a_no_is_told_and_nothing_runs(self, house: House) -> None:
        run_id = await house.say("run uname -a on laptop")
        await house.decide("deny")
        assert "the answer was no" in await house.answer(run_id)
        assert house.ran() == []

    async def test_a_yes_for_good_is_for_exactly_that_command(self, house: House) -> None:
        first = await house.say("run uptime -p on laptop")
        await house.decide("allow-always")
        await house.answer(first)
        mark = house.owner.mark()
        second = await house.say("run uptime -p on laptop")
        assert await house.answer(second) == "Linux"
        assert house.owner.payloads("exec.approval.requested", mark) == []
        third = await house.say("run uptime -s on laptop")
        await house.decide("deny", mark)
        assert "the answer was no" in await house.answer(third)
        assert [run["approvalDecision"] for run in house.ran()] == ["allow-always", "allow-always"]

    async def test_a_plan_for_another_conversation_is_not_shown_there(self, house: House) -> None:
        async def lies(params: Json) -> Json:
            return await prepared({**params, "sessionKey": "agent:main:private"})

        house.node.answers["system.run.prepare"] = lies
        assert "another conversation" in await house.answer(await house.say("run uname on laptop"))
        assert house.owner.payloads("exec.approval.requested") == []

    async def test_what_was_stopped_is_asked_no_more(self, house: House) -> None:
        run_id = await house.say("run uname -a on laptop")
        question = await house.asked()
        await house.owner.call("chat.abort", {"sessionKey": "main", "runId": run_id})
        resolved = await house.owner.wait_event("exec.approval.resolved", lambda p: p["id"] == question["id"])
        assert resolved["payload"].get("decision") is None
        assert await house.owner.call("exec.approval.list", {}) == []
        assert house.ran() == []

    async def test_a_stopped_run_stops_the_program(self, house: House) -> None:
        del house.node.answers["system.run"]
        run_id = await house.say("run sleep 60 on laptop")
        await house.decide("allow-once")
        request = await house.node.next_request()
        await house.owner.call("chat.abort", {"sessionKey": "main", "runId": run_id})
        assert (await house.node.cancelled(request))["nodeId"] == house.node.id

    async def test_a_program_that_fails_is_told_with_its_output(self, house: House) -> None:
        house.node.answers["system.run"] = {
            **RAN,
            "exitCode": 2,
            "success": False,
            "stderr": "no such file\n",
        }
        run_id = await house.say("run ls nowhere on laptop")
        await house.decide("allow-once")
        assert await house.answer(run_id) == "It failed on laptop: it ended with 2.\nLinux\nno such file"

    async def test_what_the_node_refuses_is_told(self, house: House) -> None:
        house.node.answers["system.run"] = Failure("SYSTEM_RUN_DENIED", "SYSTEM_RUN_DENIED: plan changed")
        run_id = await house.say("run uname on laptop")
        await house.decide("allow-once")
        assert "plan changed" in await house.answer(run_id)

    async def test_dangerous_programs_are_never_allowed_for_good(self, house: House) -> None:
        run_id = await house.say("run sudo reboot on laptop")
        question = await house.asked()
        assert question["request"]["allowedDecisions"] == ["allow-once", "deny"]
        await house.decide("deny")
        await house.answer(run_id)

    async def test_every_run_is_in_the_audit_log(self, house: House) -> None:
        run_id = await house.say("run uname -a on laptop")
        question = await house.decide("allow-once")
        await house.answer(run_id)
        rows = (await house.owner.call("audit.entries", {"action": "node.run.*"}))["entries"]
        ended, started = rows[0], rows[1]
        assert (started["action"], ended["action"]) == ("node.run.started", "node.run.ended")
        assert started["subject"] == ended["subject"] == house.ran()[0]["runId"]
        assert started["details"]["approvalId"] == question["id"]
        assert started["details"]["command"] == "/usr/bin/uname -a"

    async def test_two_approvals_wait_side_by_side(self, house: House) -> None:
        one = await house.say("run first on laptop", "agent:main:one")
        two = await house.say("run second on laptop", "agent:main:two")
        for program, decision in (("second", "allow-once"), ("first", "deny")):
            question = await house.asked(program)
            await house.owner.call("exec.approval.resolve", {"id": question["id"], "decision": decision})
        assert "the answer was no" in await house.answer(one)
        assert await house.answer(two) == "Linux"
        assert [run["command"] for run in house.ran()] == [["/usr/bin/second"]]


class TestPolicy:
    """What policy and the node's own rules say."""

    async def test_what_the_owner_allows_is_not_asked(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        text = '[[policy.rules]]\neffect = "allow"\naction = "system.run"\ncommand = "/usr/bin/uname *"\n'
        async with (
            Daemon(tmp_path_factory.mktemp("allowed"), config=text) as daemon,
            await WireClient.open(daemon.ws_url, token=daemon.token) as owner,
            laptop(daemon) as node,
        ):
            await owner.connect()
            await node.approved_by(owner)
            house = House(owner, node)
            assert await house.answer(await house.say("run uname -a on laptop")) == "Linux"
            assert owner.payloads("exec.approval.requested") == []
            (params,) = house.ran()
            assert not {"approved", "approvalDecision"} & params.keys()

            # The node's own rules may still want a person.
            node.answers["system.run.prepare"] = always_asks
            run_id = await house.say("run uname -r on laptop")
            await house.decide("allow-once")
            assert await house.answer(run_id) == "Linux"
            assert house.ran()[-1]["approved"] is True

    async def test_a_node_that_wants_an_approval_after_all_gets_one(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        async def wants_approval(params: Json) -> Any:
            if params.get("approved"):
                return RAN
            return Failure("SYSTEM_RUN_DENIED", "SYSTEM_RUN_DENIED: approval required")

        text = '[policy]\nhigh = "allow"\n'
        async with (
            Daemon(tmp_path_factory.mktemp("asked"), config=text) as daemon,
            await WireClient.open(daemon.ws_url, token=daemon.token) as owner,
            laptop(daemon, system_run=wants_approval) as node,
        ):
            await owner.connect()
            await node.approved_by(owner)
            house = House(owner, node)
            run_id = await house.say("run uname on laptop")
            await house.decide("allow-once")
            assert await house.answer(run_id) == "Linux"
            assert [run.get("approved") for run in house.ran()] == [None, True]

    async def test_what_the_owner_rules_out_is_not_asked_either(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        text = '[policy]\nnever = ["system.run"]\n'
        async with (
            Daemon(tmp_path_factory.mktemp("never"), config=text) as daemon,
            await WireClient.open(daemon.ws_url, token=daemon.token) as owner,
            laptop(daemon) as node,
        ):
            await owner.connect()
            await node.approved_by(owner)
            house = House(owner, node)
            assert "not allowed" in await house.answer(await house.say("run uname on laptop"))
            assert owner.payloads("exec.approval.requested") == []
            assert house.ran() == []


class TestOthers:
    """`nodes_list`, `nodes_describe`, `nodes_invoke`, `notify`."""

    async def test_nodes_are_listed_and_described(self, house: House) -> None:
        assert "laptop: linux, connected now" in await house.answer(await house.say("list my nodes"))
        listed = await house.tool("nodes_list")
        assert listed["ok"] is True, listed
        rows = json.loads(listed["output"])["nodes"]
        (row,) = [row for row in rows if row["id"] == house.node.id]
        assert (row["name"], row["connected"], row["approval"]) == ("laptop", True, "approved")
        assert row["commands"] == sorted(COMMANDS)
        for name in ("laptop", "LAPTOP", house.node.id, house.node.id[:8]):
            described = json.loads((await house.tool("nodes_describe", node=name))["output"])
            assert described["nodeId"] == house.node.id

    async def test_a_notification_reaches_the_node(self, house: House) -> None:
        answer = await house.answer(await house.say("notify me that dinner is ready"))
        assert answer == "Shown on laptop: “dinner is ready”"
        (request,) = house.node.seen
        assert json.loads(request["paramsJSON"]) == {"title": "main", "body": "dinner is ready"}

    async def test_harmless_commands_are_not_asked(self, house: House) -> None:
        answered = await house.tool("nodes_invoke", command="device.status")
        assert json.loads(answered["output"])["result"] == {"uptimeSeconds": 5}
        assert house.owner.payloads("exec.approval.requested") == []

    async def test_risky_commands_wait_for_a_person(self, house: House) -> None:
        house.node.answers["location.get"] = {"lat": 1.5, "lon": 2.5, "base64": "AAAA"}
        waiting = asyncio.create_task(house.tool("nodes_invoke", command="location.get"))
        question = await house.decide("allow-once")
        assert question["request"]["command"] == "location.get {}"
        result = json.loads((await waiting)["output"])["result"]
        assert (result["lat"], result["base64"]) == (1.5, "[4 characters of Base64]")

    @pytest.mark.parametrize(
        ("name", "args", "said"),
        [
            ("nodes_describe", {"node": "fridge"}, "known nodes: laptop"),
            ("nodes_invoke", {"command": "system.run"}, "node_run"),
            ("nodes_invoke", {"command": "system.execApprovals.set"}, "for people only"),
            ("nodes_invoke", {"command": "camera.snap", "node": "laptop"}, "it offers"),
            ("nodes_invoke", {"command": "camera.snap"}, "no node can do camera.snap"),
            ("node_run", {"command": "ls 'x"}, "command"),
            ("node_run", {"command": "  ''  ", "node": "nobody"}, "there is no node"),
            ("node_run", {"command": " "}, "blank"),
            ("notify", {"text": ""}, "text"),
        ],
    )
    async def test_what_cannot_be_is_explained(self, house: House, name: str, args: Json, said: str) -> None:
        answered = await house.tool(name, **args)
        assert said in json.dumps(answered), answered
        assert house.node.seen == []

    async def test_one_of_several_must_be_named(self, house: House, shared_daemon: Daemon) -> None:
        async with laptop(shared_daemon) as other:
            other_name = {"nodeId": other.id, "displayName": "desk"}
            await other.approved_by(house.owner)
            answered = await house.tool("notify", text="hi", node="laptop")
            assert "means several" in json.dumps(answered)
            await house.owner.call("node.rename", other_name)
            assert "name one" in json.dumps(await house.tool("node_run", command="ls"))
            await other.event("node.presence.activity", {"idleSeconds": 1, "source": "app"})
            await house.tool("notify", text="hi")
            asked = [request["command"] for request in other.seen]
            assert "system.notify" in asked  # the one somebody sits at

    async def test_an_absent_node_is_named_as_such(self, house: House, shared_daemon: Daemon) -> None:
        async with laptop(shared_daemon) as gone:
            await gone.approved_by(house.owner)
            await house.owner.call("node.rename", {"nodeId": gone.id, "displayName": "away"})
        answered = await house.tool("notify", text="hi", node="away")
        assert "away is not connected" in json.dumps(answered)
