"""The page on the canvas: opened, guarded, looked at. Every request of its frames passes here first."""

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from device_node.canvas.addresses import RENDERER, AddressPolicy, AddressRefused
from device_node.canvas.cdp import Cdp, CdpError, Params
from device_node.supervisor import Supervisor
from device_node.text import printable
from protocol.a2ui.renderer import renderer_files

LOAD_TIMEOUT_S: Final = 15.0
"""For a page to come; what is slower stays as far as it got."""

DEFAULT_SIZE: Final = (1280, 800)
"""Of a canvas without a placement, in points."""

MAX_PROBLEMS: Final = 100
"""Of a page that are kept."""

BINDING: Final = "homarusCanvasAction"

_BRIDGE: Final = f"""
if (window === window.top) {{
  const tell = window.{BINDING};
  window.openclawCanvasA2UIAction = {{ postMessage: (text) => tell(String(text)) }};
}}
"""
"""What our renderer page and those of gateways hand actions to."""

logger = logging.getLogger(__name__)


class Picture(msgspec.Struct, frozen=True):
    """What is shown, as the browser encodes it."""

    format: str
    base64: str


class Stage:
    """One page of a browser."""

    def __init__(
        self, policy: AddressPolicy, tasks: Supervisor, on_action: Callable[[str], Coroutine[Any, Any, None]]
    ) -> None:
        """`on_action` gets what a trusted page says that somebody did, as JSON."""
        self._policy = policy
        self._tasks = tasks
        self._on_action = on_action
        self.cdp: Cdp | None = None
        self._session = ""
        self._frame = ""
        self._loader = ""
        """Of the document that is shown; each navigation has a new one."""
        self._is_loaded = True
        self._moved = asyncio.Event()
        """Set whenever one of these two changes."""
        self._contexts: dict[int, str] = {}
        self._size = DEFAULT_SIZE
        self.url = ""
        """Of the page that is shown."""
        self.presented = ""
        """What was asked to be shown."""
        self.problems: deque[str] = deque(maxlen=MAX_PROBLEMS)
        """Scripts that failed and rules of a page that were broken, the newest last."""

    async def open(self, cdp: Cdp) -> None:
        """Make the page in a browser that has just started.

        Raises:
            CdpError: the browser refuses.
        """
        self.cdp = cdp
        target = await cdp.call("Target.createTarget", {"url": "about:blank"})
        attached = await cdp.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        self._session, self._frame = attached["sessionId"], target["targetId"]
        self._guard(self._session)
        await self._call("Page.enable")
        await self._call("Runtime.addBinding", {"name": BINDING})
        await self._call("Page.addScriptToEvaluateOnNewDocument", {"source": _BRIDGE})
        await self.resize(*self._size)

    async def resize(self, width: int, height: int) -> None:
        """Give the page another size, in points."""
        self._size = width, height
        size: Params = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._call("Emulation.setDeviceMetricsOverride", size)

    async def show(self, url: str) -> None:
        """Show a page and wait until it is there.

        Raises:
            AddressRefused: policy or the network says no.
            CdpError: the browser is gone.
        """
        await self._policy.check(url)
        self.presented = url
        answer = await self._call("Page.navigate", {"url": url})
        if problem := answer.get("errorText"):
            raise AddressRefused(f"the page cannot be shown: {problem}")
        try:
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                await self._arrived(answer.get("loaderId"))
        except TimeoutError:
            logger.info("the page on the canvas is still loading")

    async def _arrived(self, loader: str | None) -> None:
        """Wait for this very document: the page before it may still be reporting its own end."""
        while (loader is not None and self._loader != loader) or not self._is_loaded:
            self._moved.clear()
            await self._moved.wait()

    @property
    def own(self) -> bool:
        """Whether what is shown was asked for: the same page, or another one of its site."""
        return bool(self.presented) and _site(self.url) == _site(self.presented)

    @property
    def trusted(self) -> bool:
        """Whether actions of this page count: ours, and those gateways serve for canvases."""
        on_gateway = any(self.url.lower().startswith(f"{host}/") for host in self._policy.hosts)
        return self.url.startswith(RENDERER) or (on_gateway and "/__openclaw__/" in self.url)

    async def evaluate(self, script: str, timeout_s: float) -> Any:
        """Run a script on the page and return what it gives, as JSON value.

        Raises:
            ValueError: it threw; the text says what.
            CdpError: it did not end in time, or the browser is gone.
        """
        asked: Params = {
            "expression": script,
            "awaitPromise": True,
            "returnByValue": True,
            "userGesture": True,
            "timeout": timeout_s * 1000,
        }
        answer = await self._call("Runtime.evaluate", asked, timeout_s=timeout_s)
        if thrown := answer.get("exceptionDetails"):
            said = thrown.get("exception", {}).get("description") or thrown.get("text", "it threw")
            raise ValueError(printable(said, 500))
        return answer["result"].get("value")

    async def picture(self, format_: str, max_width: int, quality: float) -> Picture:
        """Take a picture of what is shown, no wider than `max_width` pixels.

        Raises:
            CdpError: the browser is gone.
        """
        width, height = self._size
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": min(1.0, max_width / width)}
        asked: Params = {"format": format_, "clip": clip}
        if format_ == "jpeg":
            asked["quality"] = max(1, round(quality * 100))
        answer = await self._call("Page.captureScreenshot", asked)
        return Picture(format_, answer["data"])

    # What the browser says

    def heard(self, method: str, params: Params, session: str | None) -> None:
        """Take an event of the browser."""
        match method:
            case "Fetch.requestPaused":
                self._tasks.spawn("judge a request", self._judge(params, session))
            case "Target.attachedToTarget":
                self._guard(params["sessionId"])
            case "Page.frameNavigated" if params["frame"].get("parentId") is None:
                self.url, self._loader = params["frame"]["url"], params["frame"]["loaderId"]
                self._is_loaded = False
                self._moved.set()
            case "Page.loadEventFired":
                self._is_loaded = True
                self._moved.set()
            case "Runtime.executionContextCreated" if session == self._session:
                about = params["context"]
                if about["auxData"].get("isDefault"):
                    self._contexts[about["id"]] = about["auxData"]["frameId"]
            case "Runtime.executionContextsCleared" if session == self._session:
                self._contexts.clear()
            case "Runtime.bindingCalled":
                self._called(params, session)
            case _:
                self._watch(method, params)

    def _watch(self, method: str, params: Params) -> None:
        """Take an event about what a page does."""
        match method:
            case "Runtime.exceptionThrown":
                self._note(str(params["exceptionDetails"].get("exception", {}).get("description")))
            case "Log.entryAdded" if params["entry"]["source"] == "security":
                self._note(params["entry"]["text"])
            case "Network.responseReceived":
                self._look(params["response"])
            case _:
                return

    def _guard(self, session: str) -> None:
        """Have every request of a page or frame, and of the frames it opens, asked here before it is made."""
        if self.cdp is None:
            return
        follow: Params = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.cdp.tell("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}, session)
        for domain in ("Network", "Runtime", "Log"):
            self.cdp.tell(f"{domain}.enable", {}, session)
        self.cdp.tell("Target.setAutoAttach", follow, session)
        self.cdp.tell("Runtime.runIfWaitingForDebugger", {}, session)

    async def _judge(self, params: Params, session: str | None) -> None:
        request_id, url = params["requestId"], params["request"]["url"]
        if self.cdp is None:
            return
        if url.startswith(RENDERER):
            self.cdp.tell("Fetch.fulfillRequest", _own_answer(request_id, url), session)
            return
        try:
            # Pictures that are part of the page itself need no network; a document of that kind has no site.
            if not (url.startswith(("data:", "blob:")) and params.get("resourceType") != "Document"):
                await self._policy.check(url)
        except AddressRefused as refused:
            logger.info("the canvas does not load %s: %s", printable(url, 200), printable(str(refused), 200))
            refusal = {"requestId": request_id, "errorReason": "BlockedByClient"}
            self.cdp.tell("Fetch.failRequest", refusal, session)
            return
        self.cdp.tell("Fetch.continueRequest", {"requestId": request_id}, session)

    def _note(self, problem: str) -> None:
        self.problems.append(printable(problem, 500))
        logger.info("the canvas reports: %s", self.problems[-1])

    def _look(self, response: Params) -> None:
        """A name that led somewhere else than a moment ago ends the page."""
        ip, url = response.get("remoteIPAddress", ""), response.get("url", "")
        if not ip or any(url.lower().startswith(f"{host}/") for host in self._policy.hosts):
            return
        why = self._policy.judge_ip(ip.strip("[]"))
        if why is not None and self.cdp is not None:
            logger.warning("the canvas is cleared: %s came from %s", printable(url, 200), ip)
            self.presented = ""
            self.cdp.tell("Page.navigate", {"url": "about:blank"}, self._session)

    def _called(self, params: Params, session: str | None) -> None:
        top = session == self._session and self._contexts.get(params["executionContextId"]) == self._frame
        if params["name"] == BINDING and top and self.trusted:
            self._tasks.spawn("canvas action", self._on_action(params["payload"]))

    async def _call(self, method: str, params: Params | None = None, **about: Any) -> Params:
        if self.cdp is None:
            raise CdpError("the browser was not started")
        return await self.cdp.call(method, params, self._session, **about)


def _own_answer(request_id: str, url: str) -> Params:
    name = url[len(RENDERER) :].partition("?")[0].partition("#")[0] or "index.html"
    file = renderer_files().get(name)
    if file is None:
        return {"requestId": request_id, "responseCode": 404}
    headers = [{"name": name, "value": value} for name, value in file.headers.items()]
    body = base64.b64encode(file.body).decode()
    return {"requestId": request_id, "responseCode": 200, "responseHeaders": headers, "body": body}


def _site(url: str) -> str:
    """Scheme, host and port."""
    return "/".join(url.split("/", 3)[:3]).lower()
