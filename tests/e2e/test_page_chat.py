"""Chat on the control page, through restarts and cuts (rows S0.3-1, S1.B-7.2).

No message is lost, none is sent twice, and what was said meanwhile is there afterwards.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.e2e import page_guests
from tests.interop.homarus import scripted_config
from tests.support.browser import Tab, at_the_page, chromium, visitor
from tests.support.daemon import Daemon
from tests.support.model_server import ModelServer, Script
from tests.support.recorder import Recorder
from tests.support.wire import Json

CUT = ("WebSocket connection to", "Failed to load resource")
"""What Chromium writes when a connection ends that a test has ended."""


def editor(page: Page) -> Locator:
    """Where a message is written."""
    return page.get_by_role("textbox", name="Message", exact=True)


async def send(page: Page, text: str) -> None:
    """Write a message and send it."""
    await editor(page).fill(text)
    await editor(page).press("Enter")


def answers(page: Page) -> Locator:
    """Everything an agent said."""
    return page.get_by_role("article", name="Answer")


def mine(page: Page) -> Locator:
    """Everything the person said, also what is on its way."""
    return page.get_by_role("article", name="You")


async def stored(daemon: Daemon) -> list[Json]:
    """What the gateway has of the main conversation."""
    async with await page_guests.owner(daemon) as wire:
        messages: list[Json] = (await wire.call("chat.history", {"sessionKey": "main"}))["messages"]
    return messages


async def said_by_person(daemon: Daemon) -> list[object]:
    """The texts of a person's messages in the main conversation, as the gateway has them."""
    return [message["content"] for message in await stored(daemon) if message["role"] == "user"]


@asynccontextmanager
async def with_a_model(folder: Path, script: Script) -> AsyncGenerator[Daemon]:
    """A gateway whose agent is a scripted model, so that answers take their time."""
    async with (
        ModelServer(script=script) as model,
        Daemon(folder, config=scripted_config(model.base_url)) as daemon,
    ):
        yield daemon


async def test_a_link_leads_to_an_answer(shared_daemon: Daemon) -> None:
    async with at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab:
        await send(tab.page, "what is 2+3*4?")
        await expect(answers(tab.page)).to_contain_text("14")
        await expect(mine(tab.page)).to_have_count(1)
        assert shared_daemon.token not in tab.page.url


async def test_an_answer_grows_while_it_is_said_and_can_be_stopped(tmp_path: Path) -> None:
    async with (
        with_a_model(tmp_path, Script(slow_words=2000, slow_step_s=0.02)) as daemon,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        await send(tab.page, "SLOW please")
        await expect(answers(tab.page)).to_contain_text("word3")
        await expect(answers(tab.page)).to_have_attribute("aria-busy", "true")
        await tab.page.get_by_role("button", name="Stop").click()
        await expect(answers(tab.page)).to_contain_text("Stopped")
        await expect(answers(tab.page)).not_to_contain_text("word1999")
        await expect(tab.page.get_by_role("button", name="Stop")).to_have_count(0)


async def test_a_tool_has_a_card_with_what_it_was_asked_and_gave(shared_daemon: Daemon) -> None:
    async with at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab:
        page = tab.page
        await page.get_by_role("link", name="New").click()
        await send(page, "remember that the key is under the pot")
        card = page.locator("details.tool")
        await expect(card).to_contain_text("remember")
        await expect(card).to_contain_text("done")
        await card.locator("summary").click()
        await expect(card).to_contain_text("the key is under the pot")


async def test_a_killed_gateway_loses_and_doubles_nothing(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        tab.expected += CUT
        page = tab.page
        await send(page, "remember that the first is safe")
        await expect(answers(page)).to_contain_text("the first is safe")
        daemon.kill()
        await expect(page.get_by_text("Not connected. It is tried again")).to_be_visible()
        await send(page, "what is 6*7?")
        await send(page, "what is 7*8?")
        await expect(mine(page).nth(1)).to_contain_text("Waits for the connection")
        await expect(page.get_by_text("2 messages are kept")).to_be_visible()
        await daemon.start()
        # One answer may be for both: the second message joins the answer to the first.
        await expect(answers(page).filter(has_text="42")).to_have_count(1)
        await expect(answers(page).filter(has_text="56")).to_have_count(1)
        await expect(mine(page)).to_have_count(3)
        await expect(page.locator("[data-state]:not(details)")).to_have_count(0)
        await expect(page.get_by_text("Not connected. It is tried again")).to_have_count(0)
        assert await said_by_person(daemon) == [
            "remember that the first is safe",
            "what is 6*7?",
            "what is 7*8?",
        ]


async def test_a_message_survives_the_page_it_was_written_on(daemon: Daemon) -> None:
    async with chromium() as browser, visitor(browser) as context:
        first = await Tab.open(context, daemon.url, f"/#token={daemon.token}")
        await expect(first.page.get_by_text("Connected", exact=True)).to_be_visible()
        daemon.kill()
        await send(first.page, "what is 20+3?")
        await expect(mine(first.page)).to_contain_text("Waits for the connection")
        await first.page.close()
        await daemon.start()
        second = await Tab.open(context, daemon.url)
        await expect(answers(second.page)).to_contain_text("23")
        await expect(mine(second.page)).to_have_count(1)
        assert await said_by_person(daemon) == ["what is 20+3?"]
        await second.check()


async def test_a_message_whose_acknowledgement_was_lost_is_answered_once(daemon: Daemon) -> None:
    async with Recorder(daemon.port) as recorder:
        origin = f"http://127.0.0.1:{recorder.port}"
        async with at_the_page(origin, f"/#token={daemon.token}") as tab:
            tab.expected += CUT
            await expect(tab.page.get_by_text("Connected", exact=True)).to_be_visible()
            await tab.page.evaluate(
                """() => {
                    const send = WebSocket.prototype.send;
                    WebSocket.prototype.send = function (data) {
                        send.call(this, data);
                        if (data.includes('"chat.send"') && !window.cut) { window.cut = true; this.close(); }
                    };
                }"""
            )
            await send(tab.page, "what is 5*5?")
            await expect(answers(tab.page)).to_contain_text("25")
            await expect(mine(tab.page)).to_have_count(1)
            sent = [frame for frame in recorder.frames if frame.body.get("method") == "chat.send"]
    keys = {json.dumps(frame.body["params"]) for frame in sent}
    assert len(sent) == 2, "the message was not sent again, so the test proves nothing"
    assert len(keys) == 1
    assert await said_by_person(daemon) == ["what is 5*5?"]


async def test_a_cut_in_the_middle_of_an_answer_is_continued_from_the_last_event(tmp_path: Path) -> None:
    async with (
        with_a_model(tmp_path, Script(slow_words=120, slow_step_s=0.05)) as daemon,
        Recorder(daemon.port) as recorder,
        at_the_page(f"http://127.0.0.1:{recorder.port}", f"/#token={daemon.token}") as tab,
    ):
        tab.expected += CUT
        await send(tab.page, "SLOW please")
        await expect(answers(tab.page)).to_contain_text("word5")
        before = recorder.mark()
        recorder.cut()
        await expect(answers(tab.page)).to_contain_text("word119")
        await expect(answers(tab.page)).not_to_have_attribute("aria-busy", "true")
        hello = next(frame.body for frame in recorder.since(before) if frame.kind == "res")
        assert isinstance(hello["payload"], dict)
        assert hello["payload"]["resume"]["resumed"] is True
        assert "chat.history" not in recorder.methods(before)
        text = await answers(tab.page).locator("homarus-markdown").inner_text()
        assert text.split() == [f"word{n}" for n in range(120)]


async def test_commands_are_completed_from_the_keyboard(shared_daemon: Daemon) -> None:
    async with at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab:
        page = tab.page
        await editor(page).press_sequentially("/qu")
        await expect(page.get_by_label("Commands").get_by_role("option", name="/queue")).to_have_attribute(
            "aria-selected", "true"
        )
        await editor(page).press("Tab")
        await expect(editor(page)).to_have_value("/queue ")
        await expect(page.get_by_label("Commands").get_by_role("option")).to_have_count(5)
        await editor(page).press("ArrowDown")
        await editor(page).press("Enter")
        await expect(editor(page)).to_have_value("/queue followup")
        await editor(page).press("Escape")
        await editor(page).press("Enter")
        await expect(answers(page).last).to_contain_text("followup")
        await expect(page.get_by_label("While it answers")).to_have_value("followup")


async def test_a_conversation_begun_anew_shows_nothing_of_the_old_one(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = tab.page
        await send(page, "what is 1+1?")
        await expect(answers(page)).to_contain_text("2")
        await editor(page).fill("/new")
        await editor(page).press("Escape")
        await editor(page).press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("A new conversation begins")
        await expect(page.get_by_role("log")).not_to_contain_text("1+1")
        await send(page, "what is 3+4?")
        await expect(answers(page).last).to_contain_text("7")
        texts = await page.locator(".bubble, .prose").all_inner_texts()
        await page.reload()
        await expect(answers(page).last).to_contain_text("7")
        assert await page.locator(".bubble, .prose").all_inner_texts() == texts


async def test_files_travel_with_a_message_within_the_limits(shared_daemon: Daemon) -> None:
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
    async with at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab:
        page = tab.page
        await page.get_by_role("link", name="New").click()
        attach = page.get_by_label("Attach files")
        await attach.set_input_files(
            {"name": "huge.png", "mimeType": "image/png", "buffer": bytes(7_000_000)}
        )
        await expect(page.get_by_role("alert")).to_contain_text("6.0 MiB at most")
        await attach.set_input_files({"name": "dot.png", "mimeType": "image/png", "buffer": picture})
        await attach.set_input_files({"name": "list.txt", "mimeType": "text/plain", "buffer": b"milk"})
        await expect(page.get_by_label("Attached files").get_by_role("listitem")).to_have_count(2)
        await page.get_by_role("button", name="Remove list.txt").click()
        await send(page, "what is this?")
        await expect(mine(page)).to_contain_text("dot.png")
        await expect(mine(page).get_by_text("bytes")).to_be_visible()
        await expect(answers(page)).to_have_count(1)


async def test_conversations_are_begun_found_renamed_and_archived(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = tab.page
        rows = page.get_by_label("Conversations").locator(".session-row")
        await page.get_by_role("link", name="New").click()
        await send(page, "what is 1+1?")
        await expect(rows).to_have_count(1)
        await page.get_by_role("link", name="New").click()
        await expect(mine(page)).to_have_count(0)
        await send(page, "remember that tulips need frost")
        await expect(rows).to_have_count(2)
        await rows.filter(has_text="1+1").hover()
        await rows.filter(has_text="1+1").get_by_role("button", name="Rename").click()
        await page.get_by_label("Name of the conversation").fill("Sums")
        await page.keyboard.press("Enter")
        await rows.filter(has_text="Sums").get_by_role("link").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sums")
        await page.get_by_role("searchbox").fill("tulips")
        await expect(page.locator(".hits")).to_contain_text("tulips")
        await page.get_by_role("searchbox").fill("")
        await expect(rows).to_have_count(2)
        await rows.filter(has_text="Sums").hover()
        await rows.filter(has_text="Sums").get_by_role("button", name="Archive").click()
        await expect(rows).to_have_count(1)
        await page.get_by_label("Show archived").check()
        await expect(rows).to_contain_text("Sums")
        await rows.hover()
        await rows.get_by_role("button", name="Restore").click()
        await page.get_by_label("Show archived").uncheck()
        await expect(rows).to_have_count(2)
        await rows.filter(has_text="tulips").hover()
        await rows.filter(has_text="tulips").get_by_role("button", name="Archive").click()
        await page.get_by_label("Show archived").check()
        await rows.filter(has_text="tulips").hover()
        await rows.filter(has_text="tulips").get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(rows).to_have_count(0)


async def test_a_conversation_can_be_begun_with_another_agent(tmp_path: Path) -> None:
    config = '[agents.entries.main]\nname = "Assistant"\n\n[agents.entries.gardener]\nname = "The Gardener"\n'
    async with (
        Daemon(tmp_path, config=config) as daemon,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = tab.page
        await page.get_by_label("New ones with").select_option("The Gardener")
        await page.get_by_role("link", name="New").click()
        await send(page, "what is 2*4?")
        await expect(answers(page)).to_contain_text("8")
        async with await page_guests.owner(daemon) as wire:
            sessions = (await wire.call("sessions.list"))["sessions"]
    assert [session["agentId"] for session in sessions] == ["gardener"]


async def test_what_was_typed_is_there_after_other_views_and_a_reload(shared_daemon: Daemon) -> None:
    async with at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab:
        page = tab.page
        await editor(page).fill("half a thought")
        await page.get_by_role("link", name="Health").click()
        await page.get_by_role("link", name="Chat").click()
        await expect(editor(page)).to_have_value("half a thought")
        await page.get_by_role("link", name="New").click()
        await expect(editor(page)).to_have_value("")
        await page.go_back()
        await page.reload()
        await expect(editor(page)).to_have_value("half a thought")
        await expect(mine(page).filter(has_text="half a thought")).to_have_count(0)


async def test_a_question_of_an_agent_is_answered_in_its_conversation(shared_daemon: Daemon) -> None:
    colour = {
        "questionId": "colour",
        "header": "Colour",
        "question": "Which colour shall the lamp have?",
        "options": [{"label": "red"}, {"label": "blue", "description": "like the sea"}],
        "isOther": True,
    }
    async with (
        await page_guests.owner(shared_daemon) as wire,
        at_the_page(shared_daemon.url, f"/#token={shared_daemon.token}") as tab,
    ):
        page = tab.page
        await expect(editor(page)).to_be_visible()
        asked = await wire.call(
            "question.request", {"questions": [colour], "sessionKey": "agent:main:main", "timeoutMs": 60_000}
        )
        form = page.get_by_role("form", name="The agent asks")
        await form.get_by_label("blue").check()
        await form.get_by_label("Answer in your own words").fill("a light one")
        await form.get_by_role("button", name="Answer", exact=True).click()
        await expect(form).to_have_count(0)
        outcome = await wire.call("question.waitAnswer", {"id": asked["id"]})
    assert outcome["answers"] == {"answers": {"colour": ["blue", "a light one"]}}
