"""Draw the README's picture of the control page: a real gateway in a real browser, at a desk and on a phone.

Usage: python -m scripts.picture [FILE]
"""

import asyncio
import base64
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.e2e import page_guests
from tests.support.browser import Tab, chromium, visitor
from tests.support.daemon import Daemon

TARGET = Path(__file__).parents[1] / ".github/page.png"
DESK = (1180, 720)
PHONE = (360, 720)

FRAME = """
<style>
  body {{ margin: 0; padding: 28px; display: flex; gap: 24px; width: max-content; background: #dfe5ee; }}
  img {{ border-radius: 12px; box-shadow: 0 10px 30px rgb(20 30 50 / 22%); }}
</style>
<img src="data:image/png;base64,{desk}" width="{desk_width}">
<img src="data:image/png;base64,{phone}" width="{phone_width}">
"""


async def furnish(stack: AsyncExitStack, daemon: Daemon) -> None:
    """A household: a few conversations, a laptop, a tablet that waits, a command that waits."""
    wire = await stack.enter_async_context(await page_guests.owner(daemon))
    await page_guests.say(wire, "agent:main:dashboard:photos", "what is 4 * 1280 * 16?")
    await page_guests.say(wire, "agent:main:dashboard:garden", "remember that the tulips want frost first")
    for key, label in (("photos", "Room for the photos"), ("garden", "The garden")):
        await wire.call("sessions.patch", {"key": f"agent:main:dashboard:{key}", "label": label})
    laptop = await page_guests.node_guest(stack, daemon, "Study laptop")
    await laptop.approved_by(wire)
    await page_guests.node_guest(stack, daemon, "Kitchen tablet", ["device.info", "system.notify"])
    await page_guests.say(
        wire,
        "main",
        "who is connected?",
        "remember that **the boiler service** is due in May",
        "what do I have about boiler?",
    )
    await page_guests.want_permission(wire, "rsync -a --delete ~/photos backup.example:/photos")


async def shot(browser: Browser, daemon: Daemon, size: tuple[int, int], place: str) -> str:
    """A view as a PNG in Base64."""
    async with visitor(browser, size, color_scheme="light", device_scale_factor=1) as context:
        tab = await Tab.open(context, daemon.url, f"/#token={daemon.token}")
        await expect(tab.page.get_by_role("log")).to_contain_text("boiler")
        await tab.page.evaluate(f"location.hash = '#/{place}'")
        await expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
        await expect(tab.page.locator(".badge").first).to_be_visible()
        await tab.page.wait_for_load_state("networkidle")
        return base64.b64encode(await tab.page.screenshot()).decode()


async def draw(target: Path) -> None:
    """Start everything, look at it, and put the two views side by side."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        daemon = await stack.enter_async_context(Daemon(Path(folder)))
        await furnish(stack, daemon)
        browser = await stack.enter_async_context(chromium())
        desk = await shot(browser, daemon, DESK, "chat")
        phone = await shot(browser, daemon, PHONE, "devices")
        context = await stack.enter_async_context(visitor(browser, (DESK[0] + PHONE[0] + 80, DESK[1] + 56)))
        page = await context.new_page()
        await page.set_content(FRAME.format(desk=desk, phone=phone, desk_width=DESK[0], phone_width=PHONE[0]))
        await page.screenshot(path=target)


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET))
