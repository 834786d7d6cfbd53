"""How many cases the oracles are tried on."""

import pytest
from hypothesis import Phase, settings


def pytest_configure(config: pytest.Config) -> None:
    count = config.getoption("--trials", default=None) or 4
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    settings.register_profile(
        "oracle", derandomize=True, deadline=None, database=None, phases=phases, max_examples=count
    )
