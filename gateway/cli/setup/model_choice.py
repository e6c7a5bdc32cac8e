"""Finding a language model behind an address."""

import urllib.error
import urllib.request
from typing import Final

import msgspec

from gateway.cli.failure import CommandFailed
from gateway.cli.output import one_line

PATIENCE_S: Final = 15.0

MAX_LIST_BYTES: Final = 4 * 1024 * 1024
"""The longest public catalogue is a tenth of this."""

PLACEHOLDER_KEY: Final = "none"
"""What local servers, which want no key, are sent by clients that insist on one."""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def list_models(base_url: str, key: str) -> list[str]:
    """Names of the models a server offers, in its order. Source: OpenAI API reference, `GET /models`.

    Raises:
        CommandFailed: when it does not answer, or not with a list.
    """
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked by the caller
        f"{base_url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key or PLACEHOLDER_KEY}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 - as above
            models = msgspec.json.decode(response.read(MAX_LIST_BYTES), type=_Models)
    except urllib.error.HTTPError as error:
        with error:
            hint = "check the key" if error.code in {401, 403} else "check the address"
            raise CommandFailed(f"{base_url} answers with HTTP {error.code}", hint) from error
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"{base_url} lists no models: {one_line(str(error))}", "check the address; it often ends in /v1"
        ) from error
    return [model.id for model in models.data]
