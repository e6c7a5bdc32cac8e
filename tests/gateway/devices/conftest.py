"""A world per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.devices.world import World, opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The device registry with the shared secret `SECRET`, nobody paired."""
    async with opened(tmp_path) as made:
        yield made
