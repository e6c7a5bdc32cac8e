"""Devices on the control page (rows S0.3-12, S0.3-14; attack cases 16 and 19)."""

import base64
import json
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.e2e import page_guests
from tests.support.browser import Tab, at_the_page
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, Json, WireClient

REACHABLE = """
[gateway]
public_url = "https://desk.example"
"""
"""An address for others, which goes into setup codes."""


async def go(tab: Tab) -> Page:
    """To the devices, the way a person goes."""
    await tab.page.get_by_role("navigation", name="Views").get_by_role("link", name="Devices").click()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Devices")
    return tab.page


def waiting(page: Page) -> Locator:
    """Cards of those who wait to be let in."""
    return (
        page.get_by_label("Waiting to be let in")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("button"))
    )


def known(page: Page, name: str) -> Locator:
    """The card of a device that is in."""
    return page.locator(".card.device").filter(has_text=name)


async def invoke(wire: WireClient, node: str, command: str) -> Json:
    """Have a node do something."""
    params = {"nodeId": node, "command": command, "idempotencyKey": f"key-{command}"}
    return await wire.call("node.invoke", params)


async def test_a_node_can_be_used_once_its_abilities_were_approved(daemon: Daemon) -> None:
    async with AsyncExitStack() as stack:
        tab = await stack.enter_async_context(at_the_page(daemon.url, f"/#token={daemon.token}"))
        page = await go(tab)
        await expect(waiting(page)).to_have_count(0)
        # It appears while somebody looks, without a reload.
        node = await page_guests.node_guest(stack, daemon, "Study laptop")
        node.answers["system.notify"] = {"ok": True}
        await expect(waiting(page)).to_contain_text("Study laptop")
        for command in ("notify", "run", "which"):
            await expect(waiting(page).get_by_text(command, exact=True)).to_be_visible()
        await expect(waiting(page)).to_contain_text("has not granted: location")
        await page.get_by_role("button", name="Approve Study laptop").click()
        await expect(waiting(page)).to_have_count(0)
        await known(page, "Study laptop").get_by_text("things agents can do with it").click()
        await expect(known(page, "Study laptop").get_by_text("notify", exact=True)).to_be_visible()
        async with await page_guests.owner(daemon) as wire:
            assert (await invoke(wire, node.id, "system.notify"))["payload"] == {"ok": True}


async def test_a_device_is_let_in_or_turned_away_and_seen_at_once(daemon: Daemon) -> None:
    (daemon.home / "homarus.toml").write_text(page_guests.PROXY)
    await daemon.restart()
    async with at_the_page(daemon.url, f"/#token={daemon.token}") as tab:
        page = await go(tab)
        await page_guests.knock(daemon, "Work phone")
        await page_guests.knock(daemon, "Unknown phone")
        await expect(waiting(page)).to_have_count(2)
        await expect(page.get_by_role("link", name="Devices")).to_contain_text("2")
        await expect(waiting(page).filter(has_text="Work phone")).to_contain_text("Read conversations")
        await expect(waiting(page).filter(has_text="Work phone")).to_contain_text("192.0.2.44")
        await page.get_by_role("button", name="Approve Work phone").click()
        await expect(known(page, "Work phone")).to_be_visible()
        await page.get_by_role("button", name="Reject Unknown phone").click()
        await expect(waiting(page)).to_have_count(0)
        await expect(known(page, "Unknown phone")).to_have_count(0)
        async with await page_guests.owner(daemon) as wire:
            names = [device.get("displayName") for device in (await wire.call("device.pair.list"))["paired"]]
        assert "Work phone" in names
        assert "Unknown phone" not in names


async def test_a_device_is_renamed_revoked_and_removed_after_a_question(daemon: Daemon) -> None:
    async with AsyncExitStack() as stack:
        node = await page_guests.node_guest(stack, daemon, "Old laptop")
        tab = await stack.enter_async_context(at_the_page(daemon.url, f"/#token={daemon.token}"))
        page = await go(tab)
        dialog = page.get_by_role("dialog")
        await page.get_by_role("button", name="Rename Old laptop").click()
        await dialog.get_by_label("Name").fill("Attic <laptop>")
        await page.keyboard.press("Enter")
        await expect(known(page, "Attic <laptop>")).to_be_visible()
        await page.get_by_role("button", name="Remove Attic").click()
        await page.keyboard.press("Escape")
        await expect(known(page, "Attic <laptop>")).to_contain_text("connected")
        await expect(page.get_by_role("button", name="Remove Attic")).to_be_focused()
        await page.get_by_role("button", name="Revoke Attic").click()
        await dialog.get_by_role("button", name="Revoke").click()
        await expect(known(page, "Attic <laptop>")).to_contain_text("revoked")
        await node.wire.closed()
        await page.get_by_role("button", name="Remove Attic").click()
        await dialog.get_by_role("button", name="Remove").click()
        await expect(known(page, "Attic <laptop>")).to_have_count(0)
        await node.drop()


async def test_a_phone_is_paired_with_the_code_that_is_shown(tmp_path: Path) -> None:
    async with (
        Daemon(tmp_path, config=REACHABLE) as daemon,
        at_the_page(daemon.url, f"/#token={daemon.token}") as tab,
    ):
        page = await go(tab)
        await page.get_by_role("button", name="Pair a device").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Conversations and approvals").check()
        await dialog.get_by_role("button", name="Show the code").click()
        await expect(dialog.get_by_role("img", name="QR code")).to_be_visible()
        drawn: bool = await dialog.get_by_role("img").evaluate(
            "(img) => img.complete && img.naturalWidth > 50"
        )
        assert drawn
        await tab.shot("pair")
        await tab.accessible()
        text = await dialog.locator("code").inner_text()
        setup: Json = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        async with await WireClient.open(daemon.ws_url) as wire:
            client = {"id": "openclaw-ios", "mode": "node", "displayName": "My phone", "platform": "iOS 18.4"}
            client["deviceFamily"] = "iPhone"
            auth = {"bootstrapToken": setup["bootstrapToken"]}
            await wire.connect(identity=DeviceKey(), client=client, role="node", scopes=[], auth=auth)
            await expect(dialog.get_by_role("status")).to_contain_text("My phone is paired")
        await dialog.get_by_role("button", name="Close").click()
        await expect(known(page, "My phone")).to_be_visible()
