"""Operators of the module's gateway."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gateway.nodes.house import PROXIED, operator
from tests.support.daemon import Daemon, launched
from tests.support.wire import WireClient


@pytest.fixture
async def admin(shared_daemon: Daemon) -> AsyncIterator[WireClient]:
    """An operator with every scope."""
    async with await operator(shared_daemon) as client:
        yield client


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running gateway that believes `X-Forwarded-For`, so that nodes can come from elsewhere."""
    yield from launched(tmp_path_factory.mktemp("proxied"), config=PROXIED)
