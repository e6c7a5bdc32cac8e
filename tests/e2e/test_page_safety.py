"""What strangers write is shown and never runs (attack cases 34 and 37).

Every place where a name, a text, a file name, a tool's result or a command of somebody else appears gets the
same attacks. A real browser must execute none of them, report no violation of the policy, and contact nobody.
"""

from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Page, expect

from tests.e2e import page_guests
from tests.support.browser import Tab, at_the_page
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

RUN = "window.pwned=1"
ATTACKS = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s>",
    f'"><img src=x onerror="{RUN}">',
    f"[click](javascript:{RUN})",
    f'![pic](x" onerror="{RUN})',
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}>",
    f"${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}}",
    f"<details open ontoggle={RUN}>",
    "<base href='https://evil.example/'><link rel=stylesheet href='https://evil.example/x.css'>",
    "![pixel](https://evil.example/pixel.png)",
    f"</textarea></title></style></script><script>{RUN}</script>",
]
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'
NAME = f"<img src=x onerror={RUN}>"


async def unharmed(tab: Tab, what: str) -> None:
    """Nothing ran so far, and nothing the attacks would have made is in the page."""
    assert await tab.page.evaluate("window.pwned") is None, f"{what} ran a script"
    made: int = await tab.page.locator(
        "main :is(script, iframe, style, base, link, math, img[src='x'])"
    ).count()
    assert made == 0, f"{what} became elements"
    await tab.check()


async def visit(page: Page, place: str) -> None:
    """Go to a view and wait until it shows something."""
    await page.evaluate(f"location.hash = '#/{place}'")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def test_messages_answers_and_tools_of_strangers_stay_text(daemon: Daemon) -> None:
    async with (
        await page_guests.owner(daemon) as wire,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        await page_guests.say(wire, "main", "hello")
        for attack in ATTACKS:
            await wire.call("chat.inject", {"sessionKey": "main", "message": attack})
        # A tool is asked with it, gives it back, and the answer repeats it.
        await page_guests.say(wire, "main", *(f"remember that {attack}" for attack in ATTACKS[:4]))
        await expect(tab.page.get_by_role("article", name="Answer").last).to_contain_text("(number")
        for card in await tab.page.locator("details.tool summary").all():
            await card.click()
        for link in await tab.page.locator("main .prose a").all():
            assert str(await link.get_attribute("href")).startswith(("https://", "http://", "mailto:"))
        await unharmed(tab, "a message")
        await tab.page.reload()
        await expect(tab.page.get_by_role("article", name="Answer").last).to_contain_text("(number")
        await unharmed(tab, "a stored message")


async def test_names_of_files_and_pictures_stay_names(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = tab.page
        files = [
            {"name": f"{NAME}.svg", "mimeType": "image/svg+xml", "buffer": SVG.encode()},
            {"name": f"{NAME}.html", "mimeType": "text/html", "buffer": SVG.encode()},
        ]
        await page.get_by_label("Attach files").set_input_files(files)  # type: ignore[arg-type]
        await expect(page.get_by_label("Attached files").get_by_role("listitem")).to_have_count(2)
        await unharmed(tab, "a chosen file")
        await page.get_by_role("textbox", name="Message", exact=True).fill("look")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("article", name="You").get_by_text("bytes").first).to_be_visible()
        await visit(page, "inbox")
        await expect(page.get_by_text("look", exact=True)).to_be_visible()
        await unharmed(tab, "a stored file")


async def test_names_of_devices_conversations_and_commands_stay_names(daemon: Daemon) -> None:
    (daemon.home / "homarus.toml").write_text(page_guests.PROXY)
    await daemon.restart()
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(await page_guests.owner(daemon))
        await page_guests.knock(daemon, NAME)
        await page_guests.node_guest(stack, daemon, f"{NAME}2", ["system.notify"])
        approved = await page_guests.node_guest(stack, daemon, f"{NAME}3", ["system.notify", "system.run"])
        await approved.approved_by(wire)
        await page_guests.want_permission(wire, f"echo {NAME}", warningText=NAME, cwd=f"/{NAME}")
        await page_guests.say(wire, "agent:main:dashboard:x", f"{NAME} what is 1+1?")
        await wire.call("sessions.patch", {"key": "agent:main:dashboard:x", "label": NAME})
        tab = await stack.enter_async_context(at_the_page(daemon.url, f"/#token={daemon.token}"))
        page = tab.page
        await expect(page.get_by_label("Conversations").get_by_text(NAME).first).to_be_visible()
        await page.get_by_role("searchbox").fill(NAME)
        await visit(page, "devices")
        await expect(page.get_by_label("Waiting to be let in").get_by_text(NAME).first).to_be_visible()
        for place, seen in (("approvals", f"echo {NAME}"), ("inbox", NAME), ("activity/audit", "")):
            await visit(page, place)
            await expect(page.get_by_text(seen).first).to_be_visible()
        await visit(page, "activity/log")
        await expect(page.get_by_role("table")).to_contain_text("run ")
        for place in ("health", "settings/gateway", "settings/agents"):
            await visit(page, place)
        await unharmed(tab, "a name")


async def test_what_a_refused_stranger_says_reaches_the_log_as_text(daemon: Daemon) -> None:
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        async with await WireClient.open(daemon.ws_url, token="wrong", headers={"User-Agent": NAME}) as wire:
            client: Json = {"displayName": NAME, "version": NAME, "platform": NAME}
            with pytest.raises(RpcError, match="mismatch"):
                await wire.connect(identity=DeviceKey(), client=client)
        await expect(tab.page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await visit(tab.page, "activity/log")
        await expect(tab.page.get_by_role("table")).to_be_visible()
        await unharmed(tab, "a log line")


async def test_hostile_settings_stay_text(daemon: Daemon) -> None:
    hostile = f'[agents.entries.main]\nname = "{NAME}"\n\n[agents.budget]\ndaily_usd = "{NAME}"\n'
    (daemon.home / "homarus.toml").write_text(hostile)
    await daemon.restart()
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        await expect(tab.page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await visit(tab.page, "settings/agents")
        await expect(tab.page.get_by_role("alert").first).to_contain_text("agents.budget.daily_usd")
        await visit(tab.page, "health")
        await expect(tab.page.get_by_label("What to do")).to_contain_text("config")
        await unharmed(tab, "a setting")


async def test_a_lying_node_cannot_run_anything_here(daemon: Daemon) -> None:
    """Abilities and permissions are a node's own words."""
    async with AsyncExitStack() as stack:
        node = ScriptedNode(
            daemon,
            client={"displayName": NAME, "modelIdentifier": NAME},
            caps=[NAME],
            commands=["system.notify", f"x.{NAME}"],
            permissions={NAME: False},
        )
        await stack.enter_async_context(node)
        tab = await stack.enter_async_context(at_the_page(daemon.url, f"/#token={daemon.token}"))
        await expect(tab.page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await visit(tab.page, "devices")
        await expect(tab.page.get_by_label("Waiting to be let in")).to_contain_text(NAME)
        await tab.page.get_by_role("button", name="Approve").click()
        await expect(tab.page.get_by_label("Waiting to be let in")).to_have_count(0)
        await unharmed(tab, "a node")
