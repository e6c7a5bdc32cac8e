"""`canvas.*`: pages and interfaces on a Chromium of this machine, which starts with the first of them."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from device_node.canvas.actions import MAIN_SESSION, UserAction, read_action
from device_node.canvas.addresses import HOST_PATHS, RENDERER, AddressPolicy, AddressRefused
from device_node.canvas.cdp import CdpError
from device_node.canvas.chromium import PROGRAMS, Chromium
from device_node.canvas.drawing import apply_messages, as_javascript, draw, resize
from device_node.canvas.stage import Picture, Stage
from device_node.commands import CommandFailed, Invocation, performs
from device_node.config import CanvasSettings
from device_node.providers.finding import Family, unusable, usable
from device_node.providers.programs import find_program
from device_node.supervisor import Supervisor
from device_node.text import printable
from protocol.a2ui.actions import action_message
from protocol.a2ui.lines import Line, read_jsonl, read_messages
from protocol.a2ui.renderer import renderer_files
from protocol.a2ui.surfaces import Surfaces
from protocol.commands.canvas import (
    A2uiShown,
    CanvasA2uiPush,
    CanvasA2uiPushJsonl,
    CanvasA2uiReset,
    CanvasDone,
    CanvasEval,
    CanvasHide,
    CanvasNavigate,
    CanvasPicture,
    CanvasPresent,
    CanvasSnapshot,
    Evaluated,
)
from protocol.commands.media import MAX_MEDIA_BASE64_CHARS
from protocol.errors import GatewayError, InvalidRequest

PERMISSION: Final = "canvas"

Deliver = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Sends a `node.event` and returns once the gateway has taken it.

It raises `GatewayError` or `LinkDown` with the reason when it has not.
"""

CanvasUrl = Callable[[], Awaitable[str]]
"""Gives a fresh address below which the gateway serves what a canvas shows. It raises as `Deliver` does."""


class Gateway(msgspec.Struct, frozen=True):
    """What the canvas needs of the gateway."""

    deliver: Deliver
    canvas_url: CanvasUrl


EVAL_TIMEOUT_S: Final = 10.0
"""For a script of a caller; a page that computes longer is stuck."""

MAX_RESULT_CHARS: Final = 1024 * 1024
"""Of what a script gives."""

PNG_WIDTH: Final = 900
JPEG_WIDTH: Final = 1600
"""Widest picture unless asked for. Source: OpenClaw's apps."""

LARGE_CHARS: Final = 32 * 1024
"""From here on a push is checked beside the loop."""

CLOSE_S: Final = 5.0

logger = logging.getLogger(__name__)


class CanvasProvider:
    """The canvas of this machine. What was drawn on it is drawn again when its browser had to start anew."""

    def __init__(
        self,
        program: str,
        environment: Mapping[str, str],
        *,
        permissions: Mapping[str, bool],
        settings: CanvasSettings,
        gateway: Gateway,
        host: str,
    ) -> None:
        self._program = program
        self._environment = environment
        self._permissions = permissions
        self._settings = settings
        self._gateway = gateway
        self._host = host
        self._tasks = Supervisor()
        self._policy = AddressPolicy(settings.reach)
        self.stage = Stage(self._policy, self._tasks, self._acted)
        self.browser: Chromium | None = None
        self._asked = ""
        """The page that was asked for, as it was; empty for our own."""
        self._surfaces = Surfaces()
        self._session_of: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    @performs(CanvasPresent)
    async def present(self, _: Invocation, call: CanvasPresent) -> CanvasDone:
        """Show a page, or what was shown last."""
        await self._allowed(call.url)
        async with self._ready() as stage:
            await resize(stage, call.placement)
            if call.url:
                await self._show(stage, call.url)
            elif not stage.presented:
                await self._show_renderer(stage)
        return CanvasDone(ok=True)

    @performs(CanvasNavigate)
    async def navigate(self, _: Invocation, call: CanvasNavigate) -> CanvasDone:
        """Show another page; an empty address is our own."""
        await self._allowed(call.url)
        async with self._ready() as stage:
            await self._show(stage, call.url)
        return CanvasDone(ok=True)

    @performs(CanvasHide)
    async def hide(self, _: Invocation, _call: CanvasHide) -> CanvasDone:
        """End the browser; the next command finds everything as it was."""
        async with self._one_at_a_time:
            await self._end_browser()
        return CanvasDone(ok=True)

    @performs(CanvasEval)
    async def evaluate(self, _: Invocation, call: CanvasEval) -> Evaluated:
        """Run a script on the presented page."""
        async with self._ready() as stage:
            if not stage.own:
                raise CommandFailed(
                    "INVALID_REQUEST",
                    "no page was presented here, or it left its site; use canvas.present first",
                )
            try:
                value = await stage.evaluate(call.java_script, EVAL_TIMEOUT_S)
            except ValueError as error:
                raise CommandFailed("INVALID_REQUEST", f"javaScript: {error}") from error
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if len(text) > MAX_RESULT_CHARS:
            raise CommandFailed(
                "PAYLOAD_TOO_LARGE", f"the script gave more than {MAX_RESULT_CHARS} characters"
            )
        return Evaluated(result=text)

    @performs(CanvasSnapshot)
    async def snapshot(self, _: Invocation, call: CanvasSnapshot) -> CanvasPicture:
        """Take a picture of what is shown."""
        kind = "png" if call.format == "png" else "jpeg"
        width = call.max_width or (PNG_WIDTH if kind == "png" else JPEG_WIDTH)
        async with self._ready() as stage:
            if not stage.presented:
                await self._show_renderer(stage)
            picture: Picture = await stage.picture(kind, width, call.quality)
        if len(picture.base64) > MAX_MEDIA_BASE64_CHARS:
            raise CommandFailed("PAYLOAD_TOO_LARGE", "the picture is too large; ask for a smaller maxWidth")
        return CanvasPicture(format=picture.format, base64=picture.base64)

    @performs(CanvasA2uiPush)
    async def push(self, invocation: Invocation, call: CanvasA2uiPush) -> A2uiShown:
        """Check messages and draw them."""
        if (call.messages is None) == (call.jsonl is None):
            raise CommandFailed("INVALID_REQUEST", "expected either messages or jsonl")
        if call.messages is not None:
            messages = [bytes(message) for message in call.messages]
            size = sum(map(len, messages))
            return await self._push(invocation, size, lambda: read_messages(messages))
        return await self._push_text(invocation, call.jsonl or "")

    @performs(CanvasA2uiPushJsonl)
    async def push_jsonl(self, invocation: Invocation, call: CanvasA2uiPushJsonl) -> A2uiShown:
        """Check messages and draw them, one a line."""
        return await self._push_text(invocation, call.jsonl)

    @performs(CanvasA2uiReset)
    async def reset(self, _: Invocation, _call: CanvasA2uiReset) -> CanvasDone:
        """Forget every surface."""
        async with self._ready() as stage:
            self._surfaces = Surfaces()
            self._session_of.clear()
            if stage.url.startswith(RENDERER):
                await draw(stage, "openclawA2UI.reset()")
        return CanvasDone(ok=True)

    async def close(self) -> None:
        """End the browser."""
        async with self._one_at_a_time:
            await self._end_browser()
        await self._tasks.close(CLOSE_S)

    # Drawing

    async def _push_text(self, invocation: Invocation, jsonl: str) -> A2uiShown:
        return await self._push(invocation, len(jsonl), lambda: read_jsonl(jsonl))

    async def _push(self, invocation: Invocation, size: int, read: Callable[[], list[Line]]) -> A2uiShown:
        async with self._ready() as stage:
            lines, after = await self._checked(size, read)
            await self._show_renderer(stage)
            if self._surfaces.ids or len(lines):
                await apply_messages(stage, [line.message for line in lines])
            self._surfaces = after
            for line in lines:
                self._session_of[line.surface_id] = invocation.session_key or MAIN_SESSION
        return A2uiShown(ok=True, surfaces=tuple(after.ids))

    async def _checked(self, size: int, read: Callable[[], list[Line]]) -> tuple[list[Line], Surfaces]:
        before = self._surfaces

        def check() -> tuple[list[Line], Surfaces]:
            lines = read()
            return lines, before.after(lines)

        try:
            return await asyncio.to_thread(check) if size > LARGE_CHARS else check()
        except InvalidRequest as error:
            raise CommandFailed("INVALID_REQUEST", error.message) from error
        except GatewayError as error:
            raise CommandFailed("A2UI_HOST_NOT_CONFIGURED", error.message) from error

    async def _allowed(self, url: str | None) -> None:
        """Refuse before a browser is started for it."""
        if url and url != "/" and not url.startswith(HOST_PATHS):
            try:
                await self._policy.check(url)
            except AddressRefused as refused:
                raise CommandFailed("INVALID_REQUEST", f"url: {refused}") from refused

    async def _show(self, stage: Stage, url: str) -> None:
        if url in {"", "/"}:
            await self._show_renderer(stage)
            return
        try:
            await stage.show(await self._hosted(url) if url.startswith(HOST_PATHS) else url)
        except AddressRefused as refused:
            raise CommandFailed("INVALID_REQUEST", f"url: {refused}") from refused
        self._asked = url

    async def _hosted(self, path: str) -> str:
        """The address of something the gateway serves; a new one, because the last may have ended."""
        try:
            base = await self._gateway.canvas_url()
        except GatewayError as error:
            raise CommandFailed("CANVAS_HOST_NOT_CONFIGURED", error.message) from error
        parts = urlsplit(base)
        self._policy.hosts.add(f"{parts.scheme}://{parts.netloc}".lower())
        return base + path

    async def _show_renderer(self, stage: Stage) -> None:
        """Our own page with all that is drawn on it, unless it is there already."""
        if stage.url.startswith(RENDERER):
            return
        try:
            renderer_files()
        except GatewayError as error:
            raise CommandFailed("A2UI_HOST_NOT_CONFIGURED", error.message) from error
        await stage.show(RENDERER)
        self._asked = ""
        if self._surfaces.ids:
            await apply_messages(stage, self._surfaces.messages())

    def _ready(self) -> "_Ready":
        return _Ready(self._one_at_a_time, self._started)

    async def _started(self) -> Stage:
        if not self._permissions.get(PERMISSION, False):
            raise CommandFailed("CANVAS_DISABLED", "the owner of this node does not allow its canvas")
        if self.browser is not None and not self.browser.ended:
            return self.stage
        again = bool(self.stage.presented)
        await self._end_browser()
        self.stage = Stage(self._policy, self._tasks, self._acted)
        self.browser = await Chromium.start(
            self._program,
            self._environment,
            window=self._settings.window,
            tasks=self._tasks,
            heard=self.stage.heard,
        )
        await self.stage.open(self.browser.cdp)
        if again:
            await self._show(self.stage, self._asked)
        return self.stage

    async def _end_browser(self) -> None:
        browser, self.browser = self.browser, None
        if browser is not None:
            await browser.close()

    # Acting

    async def _acted(self, text: str) -> None:
        try:
            action = read_action(text)
        except ValueError as error:
            logger.warning("the canvas said something odd: %s", printable(str(error)))
            return
        failure = await self._report(action)
        detail = {"id": action.id, "ok": failure is None, "error": failure or ""}
        event = f'new CustomEvent("openclaw:a2ui-action-status", {{ detail: {as_javascript(detail)} }})'
        try:
            await self.stage.evaluate(f"void dispatchEvent({event})", EVAL_TIMEOUT_S)
        except (CdpError, ValueError) as error:
            logger.debug("the page did not hear how its action went: %s", error)

    async def _report(self, action: UserAction) -> str | None:
        """Tell the gateway; returns why it did not take the action."""
        session_key = self._session_of.get(action.surface_id or "", MAIN_SESSION)
        try:
            message = action_message(
                name=action.name,
                session_key=session_key,
                surface_id=action.surface_id or "main",
                component_id=action.source_component_id or "",
                host=self._host,
                instance=self._host,
                context=action.context,
            )
            payload: dict[str, object] = {"message": message, "sessionKey": session_key, "thinking": "low"}
            await self._gateway.deliver("agent.request", payload | {"deliver": False, "key": action.id})
        except (GatewayError, ValueError, OSError) as error:
            logger.warning("an action on the canvas was not delivered: %s", printable(str(error)))
            return printable(str(error))
        return None


class _Ready:
    """The canvas for one command at a time; what the browser does not do is `CANVAS_UNAVAILABLE`."""

    def __init__(self, lock: asyncio.Lock, start: Callable[[], Awaitable[Stage]]) -> None:
        self._lock = lock
        self._start = start

    async def __aenter__(self) -> Stage:
        await self._lock.acquire()
        try:
            return await self._start()
        except BaseException as error:
            self._lock.release()
            if isinstance(error, CdpError | OSError):
                raise CommandFailed("CANVAS_UNAVAILABLE", f"the browser did not start: {error}") from error
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._lock.release()
        if isinstance(error, CdpError):
            raise CommandFailed("CANVAS_UNAVAILABLE", str(error)) from error


def canvas_family(
    environment: Mapping[str, str],
    permissions: Mapping[str, bool],
    settings: CanvasSettings,
    gateway: Gateway,
    device_name: str | None,
) -> tuple[Family, CanvasProvider | None]:
    """Offered when there is a Chromium."""
    found = (find_program(name, environment["PATH"]) for name in PROGRAMS)
    program = settings.program or next((path for path in found if path is not None), None)
    if program is None:
        return unusable("canvas", "there is no Chromium; install chromium"), None
    provider = CanvasProvider(
        program,
        environment,
        permissions=permissions,
        settings=settings,
        gateway=gateway,
        host=device_name or socket.gethostname(),
    )
    return usable("canvas", f"through {program}", provider), provider
