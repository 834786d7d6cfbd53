"""`task=explain` loads a network once and explains once, whatever the number of renderings."""

import pytest

from gcm.visualizer.base import Visualizer
from gcm.zoo.saved import SavedNetwork


@pytest.fixture
def counted(monkeypatch):
    """How often networks are read back and classify, and which visualizers explain."""
    seen = {"network": [], "explain": []}
    network, explain = SavedNetwork.network, Visualizer.explain

    def counted_network(self):
        seen["network"].append(self.card.name)
        return network(self)

    def counted_explain(self, forward_pass):
        seen["explain"].append(type(self).__name__)
        return explain(self, forward_pass)

    monkeypatch.setattr(SavedNetwork, "network", counted_network)
    monkeypatch.setattr(Visualizer, "explain", counted_explain)
    return seen


def test_each_explanation_is_computed_once(counted, train_py, tmp_path):
    done = train_py(
        "task=explain", "weights=gcm_digits", "visualizer=[gcm,saliency]", "rendering=all", "count=1", "output=out"
    )
    assert done.code == 0, done.err
    assert counted == {"network": ["gcm_digits"], "explain": ["ClassWeightMaps", "Saliency"]}
    assert len(list(tmp_path.glob("out/*.png"))) == 8
