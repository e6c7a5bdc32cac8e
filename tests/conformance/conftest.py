"""A gateway behind a proxy on this machine, so that a test can come from any address."""

from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon

PROXIED = '[gateway]\ntrusted_proxies = ["127.0.0.1"]\npublic_url = "https://gw.example.com"\n'


@pytest.fixture
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running gateway that believes `X-Forwarded-For`; the test may restart it."""
    daemon = Daemon(tmp_path_factory.mktemp("proxied"), config=PROXIED)
    daemon.launch()
    try:
        yield daemon
        if daemon.running:
            daemon.shut_down()
    finally:
        daemon.close()
