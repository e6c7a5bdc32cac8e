"""The control page: from the link to an answer, and through a restart (rows S0.3-1, S1.B-7.2)."""

from playwright.async_api import expect

from tests.support.browser import Tab, chromium, visitor
from tests.support.daemon import Daemon


async def test_a_link_leads_to_an_answer(daemon: Daemon) -> None:
    async with chromium() as browser, visitor(browser) as context:
        tab = await Tab.open(context, daemon, f"/#token={daemon.token}")
        page = tab.page
        await page.get_by_role("combobox", name="Message", exact=True).fill("what is 2+3*4?")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("article", name="Answer")).to_contain_text("14")
        assert daemon.token not in page.url
        await tab.shot("chat")
        await tab.check()
