"""One gateway per module, every client behind a recorder, every frame judged by the published schema."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from tests.interop.deviations import HOMARUS_DEVIATIONS, OPENCLAW_DEVIATIONS, excused
from tests.interop.homarus import scripted_config
from tests.support.daemon import TOKEN, Daemon
from tests.support.model_server import ModelServer
from tests.support.openclaw import PUBLISHED_SCHEMA, OpenClawCli, OpenClawGateway
from tests.support.recorder import Recorder
from tests.support.schema import ProtocolSchema, summary

HERE = Path(__file__).parent
# Ten commands at three seconds, on a machine whose two cores run another suite at the same time.
TEST_TIMEOUT_S = 150


class Gateway(Protocol):
    """What the tests need of either gateway."""

    @property
    def port(self) -> int:
        """Its loopback port."""
        ...

    def launch(self) -> None:
        """Start it and return when it is ready."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool every agent of a gateway has: no two gateways have the same ones."""

    name: str
    arguments: str
    """JSON."""
    result: str
    """Part of what it gives."""
    title: str
    """What the TUI calls it."""

    @property
    def request(self) -> str:
        """The words that make the scripted model call it."""
        return f"TOOL:{self.name} {self.arguments}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a reference run choose OpenClaw's own gateway."""
    parser.addoption("--gateway", choices=("homarus", "openclaw"), default="homarus", help="gateway to test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow each test here more time: it waits for several starts of a large program."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def gateway_name(pytestconfig: pytest.Config) -> str:
    """`homarus`, or `openclaw` in a reference run."""
    return str(pytestconfig.getoption("--gateway", "homarus"))


@pytest.fixture
def homarus_only(gateway_name: str) -> None:
    """Leave a test out of a reference run; it says what Homarus does beyond OpenClaw."""
    if gateway_name == "openclaw":
        pytest.skip("OpenClaw's own gateway does this otherwise")


@pytest.fixture(scope="session")
def tool_call(gateway_name: str) -> ToolCall:
    """A call of a tool that the gateway's agent has."""
    if gateway_name == "openclaw":
        return ToolCall("exec", '{"command": "echo otters-everywhere"}', "otters-everywhere", "Exec")
    return ToolCall("agents_list", "{}", '"id":"main"', "Agents")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[ModelServer]:
    """The scripted model that the gateway's agent asks."""
    async with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def trusted_proxies() -> tuple[str, ...]:
    """Addresses whose `X-Forwarded-For` the gateway believes; a module with remote clients overrides it."""
    return ()


@pytest.fixture(scope="module")
def gateway(
    gateway_name: str,
    model: ModelServer,
    trusted_proxies: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """The gateway under test, started, with an agent that asks the scripted model."""
    folder = tmp_path_factory.mktemp("gateway")
    under_test: Gateway
    if gateway_name == "openclaw":
        under_test = OpenClawGateway(
            folder, token=TOKEN, model_url=model.base_url, trusted_proxies=trusted_proxies
        )
    else:
        under_test = Daemon(folder, config=scripted_config(model.base_url, trusted_proxies))
    under_test.launch()
    try:
        yield under_test
    finally:
        under_test.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorder(gateway: Gateway) -> AsyncIterator[Recorder]:
    """The tap between the clients and the gateway; clients connect to its port."""
    async with Recorder(gateway.port) as tap:
        yield tap


@pytest.fixture(scope="module")
def cli(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> OpenClawCli:
    """`openclaw` with a home of its own, pointed at the gateway."""
    return OpenClawCli(tmp_path_factory.mktemp("client"), recorder.port, TOKEN)


@pytest.fixture
def client_home(tmp_path: Path) -> Path:
    """An empty home for one more client."""
    return tmp_path / "client"


@pytest.fixture(scope="module")
def schema() -> ProtocolSchema:
    """The published schema; one per module, because it follows the module's recorder."""
    return ProtocolSchema(PUBLISHED_SCHEMA)


@pytest.fixture(autouse=True)
def every_frame_is_valid(recorder: Recorder, schema: ProtocolSchema, gateway_name: str) -> Iterator[None]:
    """Issue "Done when" 3: whatever a test made the gateway send satisfies the published schema."""
    yield
    known = OPENCLAW_DEVIATIONS if gateway_name == "openclaw" else HOMARUS_DEVIATIONS
    violations = [found for found in schema.violations(recorder.frames) if not excused(found, known)]
    assert not violations, f"frames that break protocol.schema.json:\n{summary(violations)}"
