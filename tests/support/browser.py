"""A real Chromium on the control page, and everything it complained about.

Every page is watched from its first script on: a violation of the Content-Security-Policy, an uncaught error,
an error in the console or a request to anybody but the gateway fails the test that opened it.
"""

import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
    expect,
)

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = (1280, 800)
PHONE = (390, 844)
AXE = Path(__file__).parents[2] / "gateway/web/page/node_modules/axe-core/axe.min.js"
SHOTS = os.environ.get("HOMARUS_SCREENSHOTS")
"""A folder to put a picture of each view into; unset means none are taken."""

# Two cores shared by parallel test workers: a wait ends as soon as its element is there.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Tab:
    """One page and what went wrong in it."""

    page: Page
    origin: str
    expected: list[str] = field(default_factory=list[str])
    """Beginnings of console errors that belong to the test, such as a connection that was cut."""
    problems: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])

    @classmethod
    async def open(cls, context: BrowserContext, origin: str, path: str = "/") -> "Tab":
        """A new page at `path` of the gateway at `origin`, watched from its first script on."""
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        tab = cls(page, origin)
        page.on("console", tab._heard)
        page.on("pageerror", lambda error: tab.problems.append(f"uncaught: {error}"))
        page.on("request", tab._requested)
        await page.add_init_script(_WATCH)
        await page.goto(origin + path)
        return tab

    async def check(self) -> None:
        """Fail when the browser complained about anything the test did not expect."""
        violations: list[str] = await self.page.evaluate("window.violations")
        assert not violations, "\n".join(violations)
        problems = [text for text in self.problems if not text.startswith(tuple(self.expected) or ("\0",))]
        assert not problems, "\n".join(problems)
        elsewhere = [url for url in self.requests if not url.startswith(("data:", "blob:", self.origin))]
        assert not elsewhere, "\n".join(elsewhere)

    async def accessible(self) -> None:
        """Fail for anything axe-core finds wrong with what is shown: names, roles, order, contrast."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = await self.page.evaluate(
            """async () => (await axe.run(document)).violations.flatMap(({ id, nodes }) =>
                nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`))"""
        )
        assert not found, "\n".join(found)

    async def shot(self, name: str) -> None:
        """Keep a picture of what is shown, when somebody wants pictures."""
        if SHOTS is not None:
            width = (self.page.viewport_size or {"width": 0})["width"]
            await self.page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"ws", "wss"}:
            self.requests.append(request.url)


@asynccontextmanager
async def chromium(arguments: Sequence[str] = ()) -> AsyncGenerator[Browser]:
    """A headless Chromium with a fresh profile."""
    assert CHROMIUM is not None, "no chromium: scripts/setup --node installs it as root"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=[*ARGUMENTS, *arguments]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(
    browser: Browser, size: tuple[int, int] = DESKTOP, **options: object
) -> AsyncGenerator[BrowserContext]:
    """Somebody with a browser profile of their own, in front of a screen of `size`."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        **options,  # type: ignore[arg-type]
    )
    try:
        yield context
    finally:
        await context.close()


@asynccontextmanager
async def at_the_page(
    origin: str, path: str = "/", size: tuple[int, int] = DESKTOP, **options: object
) -> AsyncGenerator[Tab]:
    """A fresh browser at the page; what it complained about fails the test at the end."""
    async with chromium() as browser, visitor(browser, size, **options) as context:
        tab = await Tab.open(context, origin, path)
        yield tab
        await tab.check()
