"""What agents draw, for clients that show it themselves, and what people do there."""

from gateway.canvas.service import Canvas
from gateway.chat.intake import Incoming, Intake
from gateway.chat.model import RunRequest
from gateway.chat.service import Chat
from gateway.chat.sources import seed_of, sender_of
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions.keys import canonical_key
from protocol.a2ui.actions import action_message
from protocol.errors import InvalidRequest
from protocol.ids import new_id
from protocol.methods.canvas import CanvasAct, CanvasActed, CanvasDrawn, CanvasSurfaces


class CanvasApi:
    """`canvas.surfaces` and `canvas.act`."""

    def __init__(self, canvas: Canvas, intake: Intake, chat: Chat) -> None:
        self._canvas = canvas
        self._intake = intake
        self._chat = chat

    @handles(CanvasSurfaces)
    async def surfaces(self, _: Ctx, call: CanvasSurfaces) -> CanvasDrawn:
        """See `CanvasSurfaces`."""
        session_key = canonical_key(call.session_key)
        drawn = await self._canvas.surfaces(session_key)
        return CanvasDrawn(session_key=session_key, surfaces=drawn.ids, messages=drawn.messages())

    @handles(CanvasAct)
    async def act(self, ctx: Ctx, call: CanvasAct) -> CanvasActed:
        """See `CanvasAct`."""
        session_key = canonical_key(call.session_key)
        host = ctx.principal.client.display_name or ctx.principal.client.id
        try:
            text = action_message(
                name=call.name,
                session_key=session_key,
                surface_id=call.surface_id,
                component_id=call.source_component_id,
                host=host,
                instance=ctx.principal.client.instance_id or host,
                context=call.context,
            )
        except ValueError as error:
            raise InvalidRequest(f"context: {error}", {"field": "context"}) from error
        received = await self._intake.receive(_incoming(ctx, call, session_key, text), self._chat)
        if received.message is not None:
            self._chat.submit(received.message)
        return CanvasActed(run_id=received.run_id, session_key=received.session_key)


def _incoming(ctx: Ctx, call: CanvasAct, session_key: str, text: str) -> Incoming:
    principal = ctx.principal
    request = RunRequest(sender=sender_of(principal), trace_id=ctx.trace_id, thinking="low")
    return Incoming(
        kind="channel",
        origin=f"canvas.act/{principal.actor}",
        external_id=call.idempotency_key,
        run_id=new_id(),
        text=text,
        request=request,
        seed=seed_of(principal),
        channel="canvas",
        account=principal.actor,
        sender=principal.actor,
        sender_name=principal.client.display_name,
        session_key=session_key,
    )
