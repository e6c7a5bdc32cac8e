"""Fixtures every test may ask for, and the gateway's log in a failure's report."""

import signal
from collections.abc import Generator, Iterator

import hypothesis
import pytest

from tests.support.daemon import Daemon, launched

# A deadline per example measures the neighbours on a shared machine; pytest-timeout bounds the test.
hypothesis.settings.register_profile("homarus", deadline=None)
hypothesis.settings.load_profile("homarus")

# A run started in the background ignores Ctrl-C, and so would every program it starts: those that are
# interrupted here would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running gateway of this test's own; it may kill, stop and restart it."""
    yield from launched(tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running gateway the tests of a module share; none may stop it."""
    yield from launched(tmp_path_factory.mktemp("gateway"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the gateways of a failed test wrote to stderr."""
    report = yield
    if report.failed:
        for daemon in Daemon.alive:
            report.sections.append((f"gateway on port {daemon.port}, stderr", daemon.log_tail()))
    return report
