"""Reading a request body without trusting its length."""

from starlette.requests import ClientDisconnect, Request

from protocol.errors import GatewayError, InvalidRequest


class BodyTooLarge(InvalidRequest):
    """The body is over the limit; answered with 413 before it is read to its end."""

    detail_code = "PAYLOAD_TOO_LARGE"


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: when the announced or the actual length is over `max_bytes`.
        InvalidRequest: when the client went away before it was complete.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except ClientDisconnect as error:
        raise InvalidRequest("the body ended early") from error
    return bytes(body)


def _too_large(max_bytes: int) -> GatewayError:
    return BodyTooLarge(f"the body is larger than {max_bytes} bytes")
