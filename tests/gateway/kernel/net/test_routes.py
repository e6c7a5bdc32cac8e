"""Errors of the wire as HTTP statuses, in one shape (row S2.4-3)."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from gateway.kernel.net.body import BodyTooLarge
from gateway.kernel.net.routes import HttpRoutes
from protocol.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    InvalidRequest,
    LockedOut,
    MissingScope,
    NotFound,
    NotPaired,
    Overloaded,
    TimedOut,
    Unauthorized,
    Unavailable,
)


async def fetch(error: Exception) -> httpx.Response:
    async def handler(_: Request) -> Response:
        raise error

    routes = HttpRoutes()
    routes.add("/thing", handler)
    transport = httpx.ASGITransport(routes.application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://homarus") as client:
        return await client.get("/thing")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), 400),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (BodyTooLarge("x"), 413),
        (Unauthorized("x"), 401),
        (LockedOut("x"), 429),
        (NotPaired("x"), 401),
        (Forbidden("x"), 403),
        (MissingScope("operator.admin", ("operator.admin",)), 403),
        (Overloaded("x"), 429),
        (Unavailable("x"), 503),
        (TimedOut("x"), 503),
        (GatewayError("x"), 500),
    ],
)
async def test_every_wire_error_has_its_status_and_keeps_its_words(error: GatewayError, status: int) -> None:
    response = await fetch(error)
    body = response.json()["error"]
    assert (response.status_code, body["type"], body["message"]) == (
        status,
        error.code.lower(),
        error.message,
    )
    assert body.get("details", {}) == error.details
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_when_to_come_back_is_said_in_whole_seconds() -> None:
    locked = LockedOut("wait")
    locked.retry_after_ms = 1200
    assert (await fetch(locked)).headers["retry-after"] == "2"
    assert "retry-after" not in (await fetch(NotFound("x"))).headers


async def test_a_defect_says_where_to_look_and_nothing_of_itself() -> None:
    response = await fetch(ZeroDivisionError("inner detail"))
    assert response.status_code == 500
    assert "homarus logs" in response.json()["error"]["message"]
    assert "inner detail" not in response.text


async def test_unknown_paths_and_methods_have_the_same_shape() -> None:
    async def handler(_: Request) -> Response:
        return Response("ok")

    routes = HttpRoutes()
    routes.add("/thing", handler)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(routes.application()), base_url="http://homarus"
    ) as client:
        assert (await client.get("/other")).json()["error"]["type"] == "not_found"
        refused = await client.post("/thing")
        assert refused.status_code == 405
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
        assert refused.json()["error"]["type"] == "method_not_allowed"
        assert (await client.head("/thing")).status_code == 200


async def test_before_devices_are_ready_nobody_is_let_in() -> None:
    routes = HttpRoutes()

    async def handler(request: Request) -> Response:
        await routes.bearer(request)
        return Response("in")

    routes.add("/thing", handler)
    transport = httpx.ASGITransport(routes.application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://homarus") as client:
        assert (await client.get("/thing")).status_code == 503
