"""Every view of the control page, at a desk and on a phone (rows S0.3-1, S0.3-12, S0.3-14, S1.B-7.2).

`HOMARUS_SCREENSHOTS=folder` keeps a picture of each.
"""

from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Page, expect

from tests.e2e import page_guests
from tests.support.browser import DESKTOP, PHONE, Tab, chromium, visitor
from tests.support.daemon import Daemon

TABLET = ["camera.list", "device.info", "system.notify"]
MARKDOWN = "remember that **the boiler** service is due in `May`; see https://example.org/boiler"


async def furnish(stack: AsyncExitStack, daemon: Daemon) -> None:
    """Something to see in every view."""
    wire = await stack.enter_async_context(await page_guests.owner(daemon))
    await page_guests.say(wire, "agent:main:main", "who is connected?", MARKDOWN, "what is (17 + 4) * 2?")
    await page_guests.say(wire, "agent:main:dashboard:garden", "remind me what grows in the garden")
    await page_guests.say(wire, "agent:main:dashboard:bills", "status")
    await page_guests.knock(daemon)
    node = await page_guests.node_guest(stack, daemon, "Study laptop")
    await node.approved_by(wire)
    await page_guests.node_guest(stack, daemon, "Kitchen tablet", TABLET)
    await page_guests.want_permission(wire, "rsync -a --delete /srv/photos/ backup.example:/photos")
    decided = await page_guests.want_permission(wire, "systemctl restart printer")
    await wire.call("exec.approval.resolve", {"id": decided, "decision": "deny"})


async def visit(page: Page, name: str, title: str) -> None:
    """Go to a view the way its link does."""
    await page.evaluate(f"location.hash = '#/{name}'")
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_view_shows_what_it_is_for(daemon: Daemon, size: tuple[int, int], scheme: str) -> None:
    (daemon.home / "homarus.toml").write_text(page_guests.PROXY)
    await daemon.restart()
    async with AsyncExitStack() as stack:
        await furnish(stack, daemon)
        browser = await stack.enter_async_context(chromium())
        context = await stack.enter_async_context(visitor(browser, size, color_scheme=scheme))
        tab = await Tab.open(context, daemon.url, f"/#token={daemon.token}")
        page = tab.page

        async def shown(name: str) -> None:
            width: int = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], f"{name} is wider than the screen"
            await tab.shot(f"{scheme}-{name}")
            await tab.accessible()

        await expect(page.get_by_role("log")).to_contain_text("service is due in")
        await shown("chat")
        await visit(page, "inbox", "Inbox")
        await expect(page.get_by_text("status", exact=True).first).to_be_visible()
        await shown("inbox")
        await visit(page, "approvals", "Approvals")
        await expect(page.get_by_label("Waiting for you")).to_contain_text("rsync -a --delete")
        await shown("approvals")
        await visit(page, "devices", "Devices")
        await expect(page.get_by_label("Waiting to be let in")).to_contain_text("Work phone")
        await expect(page.get_by_label("Waiting to be let in")).to_contain_text("Kitchen tablet")
        await expect(page.get_by_label("Known devices")).to_contain_text("Study laptop")
        await shown("devices")
        await visit(page, "activity", "Activity")
        await expect(page.get_by_role("table").get_by_role("row").nth(3)).to_be_visible()
        await shown("activity")
        await visit(page, "health", "Health")
        await expect(page.get_by_role("status").first).to_contain_text("works")
        await shown("health")
        await visit(page, "settings/logging", "Settings")
        await expect(page.get_by_label("Level")).to_have_value("")
        await shown("settings")
        await tab.check()
