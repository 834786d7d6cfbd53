"""How many cases the oracles are tried on."""

from pathlib import Path

import pytest
from hypothesis import Phase, settings


def pytest_configure(config: pytest.Config) -> None:
    count = config.getoption("--trials", default=None) or 4
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    settings.register_profile(
        "oracle", derandomize=True, deadline=None, database=None, phases=phases, max_examples=count
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The oracles are slow: they have a marker of their own."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.oracle)
