"""These tests need neither database nor settings."""

import pytest

from tests.management_proxy.simulator.replay import FakeClock


@pytest.fixture(autouse=True)
def isolated() -> None:
    """Stand in for the fixture of the same name that prepares settings."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
