"""How many cases the oracles are tried on."""

import pytest
from hypothesis import settings


def pytest_configure(config: pytest.Config) -> None:
    count = config.getoption("--trials", default=None) or 4
    settings.register_profile("oracle", derandomize=True, deadline=None, database=None, max_examples=count)
