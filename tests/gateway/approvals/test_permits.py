"""From wanting to doing: policy, grants, a person, one use (U5, U6, S1.B-9; attack cases 38 and 39)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import msgspec
import pytest

from gateway.approvals.binding import Binding
from gateway.approvals.permits import ApprovalDenied, Permit, PolicyRefused, Wanted
from gateway.approvals.service import MAX_PENDING, ApprovalMismatch, TooManyApprovals
from gateway.kernel.policy.model import Action, Subject
from gateway.kernel.policy.settings import PolicyRule, PolicySettings
from protocol.commands.system import FileFingerprint
from protocol.errors import InvalidRequest
from protocol.methods.approvals import ExecApprovalRequest
from protocol.nouns.approval import Decision
from protocol.nouns.exec_rules import ExecRules
from protocol.scopes import Scope
from tests.gateway.approvals.flow import NODE, OWNER, Flow, opened, plan, wanted


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncGenerator[Flow]:
    async with opened(tmp_path) as made:
        yield made


async def answered(flow: Flow, wish: Wanted, decision: Decision, days: int | None = None) -> Permit:
    """Ask, and let a person answer."""
    asking = asyncio.create_task(flow.permits.permit(wish))
    pending = await waiting(flow)
    await flow.approvals.decide(pending, decision, OWNER, "exec", days)
    return await asking


async def waiting(flow: Flow) -> str:
    """Id of the next question, as soon as there is one."""
    async with asyncio.timeout(5):
        return await flow.news.questions.get()


async def test_a_person_is_asked_and_the_yes_is_good_for_one_use(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/uname", "-a"))
    permit = await answered(flow, wish, "allow-once")
    assert (permit.source, permit.decision) == ("person", "allow-once")
    await flow.permits.redeem(permit, wish.binding)
    with pytest.raises(ApprovalMismatch, match="used already"):
        await flow.permits.redeem(permit, wish.binding)
    second = asyncio.create_task(flow.permits.permit(wish))
    await flow.approvals.decide(await waiting(flow), "deny", OWNER)
    with pytest.raises(ApprovalDenied, match="the answer was no"):
        await second
    assert await flow.actions() == [
        *("approval.asked", "approval.allowed", "approval.used", "approval.mismatch"),
        *("approval.asked", "approval.denied"),
    ]


async def test_one_of_many_users_of_the_same_approval_gets_it(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/uname"))
    permit = await answered(flow, wish, "allow-once")
    tries = [flow.permits.redeem(permit, wish.binding) for _ in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is None] == [None]
    assert sum(isinstance(outcome, ApprovalMismatch) for outcome in outcomes) == 19


CHANGES: dict[str, Callable[[Binding], Binding]] = {
    "argv": lambda b: msgspec.structs.replace(b, argv=(*b.argv, "-x")),
    "cwd": lambda b: msgspec.structs.replace(b, cwd="/tmp"),
    "env_hash": lambda b: msgspec.structs.replace(b, env_hash="0" * 64),
    "node_id": lambda b: msgspec.structs.replace(b, node_id="phone"),
    "agent_id": lambda b: msgspec.structs.replace(b, agent_id="other"),
    "session_key": lambda b: msgspec.structs.replace(b, session_key="agent:main:other"),
    "files": lambda b: msgspec.structs.replace(b, files=()),
    "folder_id": lambda b: msgspec.structs.replace(b, folder_id="1:2"),
    "action": lambda b: msgspec.structs.replace(b, action="camera.snap"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_whatever_changes_after_the_yes_needs_another_yes(flow: Flow, name: str) -> None:
    script = FileFingerprint(argv_index=1, path="/home/me/run.sh", sha256="a" * 64)
    wish = wanted(plan("/bin/sh", "/home/me/run.sh", mutable_file_operand=script), {"LANG": "C"})
    permit = await answered(flow, wish, "allow-once")
    changed = CHANGES[name](wish.binding)
    with pytest.raises(ApprovalMismatch, match=name):
        await flow.permits.redeem(permit, changed)
    await flow.permits.redeem(permit, wish.binding)
    mismatch = next(entry for entry in await flow.entries() if entry.action == "approval.mismatch")
    assert (mismatch.actor, mismatch.outcome) == ("agent:main", "refused")


async def test_a_yes_for_good_covers_the_same_in_any_session_and_nothing_else(flow: Flow) -> None:
    allowed = plan("/usr/bin/uname", "-a")
    permit = await answered(flow, wanted(allowed), "allow-always")
    await flow.permits.redeem(permit, wanted(allowed).binding)
    again = await flow.run(wanted(plan("/usr/bin/uname", "-a", session_key="agent:main:other")))
    assert (again.source, again.decision) == ("grant", "allow-always")
    others = [
        wanted(plan("/usr/bin/uname")),
        wanted(plan("/usr/bin/uname", "-a", cwd="/")),
        wanted(plan("/usr/bin/uname", "-a", agent_id="other")),
        wanted(allowed, {"LD_PRELOAD": "x"}),
        wanted(allowed, node="phone"),
        wanted(allowed, ask="always"),
    ]
    for other in others:
        with pytest.raises(ApprovalDenied):
            await answered(flow, other, "deny")
    (grant,) = await flow.grants.newest(10)
    assert (grant.use_count, grant.agent_id, grant.cron_job_id) == (1, "main", NODE)
    assert (await flow.actions())[:5] == [
        *("approval.asked", "approval.allowed", "approval.used", "approval.granted", "approval.used"),
    ]


async def test_a_grant_ends_by_revocation_and_by_time(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/uname"))
    await answered(flow, wish, "allow-always", days=2)
    assert (await flow.run(wish)).source == "person", "the answer itself was not used yet"
    assert (await flow.run(wish)).source == "grant"
    flow.clock.jump(2 * 86_400 + 1)
    await answered(flow, wish, "allow-always")
    await flow.run(wish)
    assert (await flow.run(wish)).source == "grant"
    newest = (await flow.grants.newest(1))[0]
    assert (await flow.grants.revoke(newest.grant_id, "client:cli")).outcome == "revoked"
    assert (await flow.grants.revoke(newest.grant_id, "client:cli")).outcome == "already-revoked"
    assert (await flow.grants.revoke("nope", "client:cli")).outcome == "not-found"
    with pytest.raises(ApprovalDenied):
        await answered(flow, wish, "deny")
    assert "approval.grant.revoked" in await flow.actions()


async def test_what_takes_control_is_never_allowed_for_good(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/sudo", "ls"))
    asking = asyncio.create_task(flow.permits.permit(wish))
    pending = await waiting(flow)
    with pytest.raises(InvalidRequest, match="allow-once, deny"):
        await flow.approvals.decide(pending, "allow-always", OWNER)
    await flow.approvals.decide(pending, "allow-once", OWNER)
    assert (await asking).decision == "allow-once"


async def test_questions_and_unused_answers_survive_a_restart(tmp_path: Path) -> None:
    wish = wanted(plan("/usr/bin/uname"), run_id="run-1")
    async with opened(tmp_path) as flow:
        asking = asyncio.create_task(flow.permits.permit(wish))
        first = await waiting(flow)
        asking.cancel()
        await asyncio.wait([asking])
        clock = flow.clock
    async with opened(tmp_path, clock) as flow:
        assert [request.id for request in await flow.approvals.pending("exec")] == [first]
        await flow.approvals.decide(first, "allow-once", OWNER)
    async with opened(tmp_path, clock) as flow:
        permit = await flow.permits.permit(wish)
        assert permit.approval_id == first
        await flow.permits.redeem(permit, wish.binding)
    async with opened(tmp_path, clock) as flow:
        with pytest.raises(ApprovalMismatch, match="used already"):
            await flow.permits.redeem(permit, wish.binding)


async def test_a_yes_is_not_good_for_ever(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/uname"), timeout_ms=60_000)
    permit = await answered(flow, wish, "allow-once")
    flow.clock.jump(61)
    with pytest.raises(ApprovalMismatch, match="expired"):
        await flow.permits.redeem(permit, wish.binding)


async def test_the_end_of_a_run_withdraws_its_questions(flow: Flow) -> None:
    asking = asyncio.create_task(flow.permits.permit(wanted(plan("/usr/bin/uname"), run_id="run-1")))
    pending = await waiting(flow)
    assert (flow.approvals.awaited_by("run-1"), flow.approvals.awaited_by("run-2")) == (True, False)
    await flow.approvals.withdraw("run-2")
    await flow.approvals.withdraw("run-1")
    with pytest.raises(ApprovalDenied):
        await asking
    ended = await flow.approvals.get(pending)
    assert (ended.status, ended.reason) == ("cancelled", "run-aborted")
    assert not flow.approvals.awaited_by("run-1")


async def test_the_policy_refuses_and_allows_without_asking(flow: Flow) -> None:
    flow.settings = PolicySettings(
        rules=(
            PolicyRule(effect="allow", command="/usr/bin/uname *"),
            PolicyRule(effect="deny", command="curl *"),
        )
    )
    permit = await flow.run(wanted(plan("/usr/bin/uname", "-a")))
    assert (permit.source, permit.approval_id) == ("policy", None)
    with pytest.raises(ApprovalMismatch, match="argv"):
        await flow.permits.redeem(permit, wanted(plan("/usr/bin/id")).binding)
    with pytest.raises(PolicyRefused, match=r"policy\.rules\[1\]"):
        await flow.permits.permit(wanted(plan("/usr/bin/curl", "x")))
    assert await flow.actions() == ["policy.allowed", "policy.refused"]
    refused = (await flow.entries())[-1]
    assert (refused.actor, refused.outcome) == ("agent:main", "refused")


@pytest.mark.parametrize("name", ["exec.approval.resolve", "config.patch", "exec.approvals.set"])
async def test_an_agent_never_gets_a_permit_to_change_its_own_rights(flow: Flow, name: str) -> None:
    flow.settings = PolicySettings(rules=(PolicyRule(effect="allow"),))
    wish = command_wish(name, {})
    with pytest.raises(PolicyRefused, match="never changes who may do what"):
        await flow.permits.permit(wish)
    assert await flow.actions() == ["policy.refused"]


def command_wish(name: str, params: object, session: str = "agent:main:main") -> Wanted:
    """An agent's wish for a node command that runs no program."""
    binding = Binding.of_command(name, params, node_id="phone", agent_id="main", session_key=session)
    return Wanted(
        subject=Subject(kind="agent", id="main", scopes=(Scope.WRITE,)),
        action=Action(name=name, node_id="phone", needs=Scope.WRITE),
        binding=binding,
        request=ExecApprovalRequest(
            command=binding.text, node_id="phone", agent_id="main", session_key=session
        ),
    )


async def test_other_commands_are_bound_to_their_parameters_and_granted_as_such(flow: Flow) -> None:
    wish = command_wish("camera.snap", {"facing": "front"})
    permit = await answered(flow, wish, "allow-once")
    with pytest.raises(ApprovalMismatch, match="params_hash"):
        await flow.permits.redeem(permit, command_wish("camera.snap", {"facing": "back"}).binding)
    await flow.permits.redeem(permit, wish.binding)
    await flow.run(command_wish("device.status", {}))
    await answered(flow, command_wish("camera.snap", {"facing": "back"}), "allow-always")
    covered = command_wish("camera.snap", {"facing": "front", "quality": 1}, "agent:main:other")
    assert (await flow.run(covered)).source == "grant"
    with pytest.raises(ApprovalDenied):
        await answered(flow, command_wish("screen.record", {}), "deny")


async def test_the_question_must_be_about_what_is_bound(flow: Flow) -> None:
    wish = wanted(plan("/usr/bin/uname"))
    other = wanted(plan("/usr/bin/id"))
    with pytest.raises(InvalidRequest, match="argv"):
        await flow.permits.permit(msgspec.structs.replace(wish, request=other.request))


async def test_an_agent_that_runs_wild_does_not_fill_the_disk(flow: Flow) -> None:
    asking = [
        asyncio.create_task(flow.permits.permit(wanted(plan("/usr/bin/id", str(n)))))
        for n in range(MAX_PENDING + 1)
    ]
    done, waiting_still = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(TooManyApprovals):
        await done.pop()
    for task in waiting_still:
        task.cancel()
    await asyncio.wait(waiting_still)


@pytest.mark.parametrize(
    ("file", "argv", "expected"),
    [
        ({}, ("ls",), "ask"),
        ({"defaults": {"security": "deny"}}, ("ls",), "deny"),
        ({"defaults": {"security": "full", "ask": "off"}}, ("ls",), "allow"),
        ({"defaults": {"security": "allowlist", "ask": "off"}}, ("ls",), "deny"),
        ({"agents": {"main": {"allowlist": [{"pattern": "/usr/bin/*"}]}}}, ("/usr/bin/ls",), "allow"),
        ({"agents": {"main": {"allowlist": [{"pattern": "/usr/*"}]}}}, ("/usr/bin/ls",), "ask"),
        ({"agents": {"main": {"allowlist": [{"pattern": "/usr/**"}]}}}, ("/usr/bin/ls",), "allow"),
        ({"agents": {"*": {"allowlist": [{"pattern": "ls"}]}}}, ("ls", "-l"), "allow"),
        ({"agents": {"*": {"allowlist": [{"pattern": "ls"}]}}}, ("/tmp/ls",), "ask"),
        ({"agents": {"other": {"allowlist": [{"pattern": "ls"}]}}}, ("ls",), "ask"),
        ({"agents": {"*": {"allowlist": [{"pattern": "ls", "argPattern": "^x$"}]}}}, ("ls",), "ask"),
        ({"agents": {"*": {"allowlist": [{"pattern": "ls"}], "ask": "always"}}}, ("ls",), "ask"),
        ({"defaults": {"security": "deny"}, "agents": {"main": {"security": "full"}}}, ("ls",), "ask"),
    ],
)
async def test_the_rules_about_programs_are_heard_on_the_gateways_own_machine(
    flow: Flow, file: dict[str, object], argv: tuple[str, ...], expected: str
) -> None:
    await flow.rules.replace("client:cli", msgspec.convert({"version": 1, **file}, ExecRules), None)
    own = Action(name="system.run", argv=argv)
    opinions = await flow.rules.opinions("main", own)
    assert [opinion.effect for opinion in opinions] in ([[expected]] if expected != "ask" else [["ask"], []])
    assert await flow.rules.opinions("main", msgspec.structs.replace(own, node_id=NODE)) == ()
