"""What stands in the picture of a decision."""

import pytest
import torch

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.task.why import decision_of, most_important

SPEC = ImageSpec.of(1, 16, 3)


def test_a_decision_shows_the_strongest_paths_and_all_that_adds_up_to_its_score():
    network, image = LeNet(SPEC, (3, 4)).eval(), torch.rand(1, *SPEC.shape)
    importances = {label: torch.full((4, 4), float(label)) for label in range(3)}
    favourites = torch.arange(12.0).view(12, 1, 1, 1).expand(-1, *SPEC.shape)
    with torch.no_grad():
        account = network.contributions(image)
    predicted = int(account.logits.argmax())
    found = decision_of(network, image, (predicted + 1) % 3, 2, favourites, importances)
    assert (found.true, found.predicted) == (str((predicted + 1) % 3), str(predicted))
    assert found.probability == pytest.approx(float(account.logits.softmax(1)[0, predicted]))
    assert sum(value for _, value in found.amounts) == pytest.approx(float(account.logits[0, predicted]), abs=1e-5)
    assert [name for name, _ in found.amounts[-2:]] == ["7 other paths", "biases"]
    parts = account.parts[0, predicted]
    for path, value in zip(found.paths, parts.flatten().sort(descending=True).values, strict=False):
        assert path.contribution == pytest.approx(float(value))
        i, j = (int(number) - 1 for number in path.name.removesuffix(", inhibits").split("→"))
        assert parts[i, j] == value
        assert torch.equal(path.filter1, network.convolution1.weight[i, 0])
        assert torch.equal(path.filter2, network.convolution2.weight[j, i])
        assert path.favourite.unique().item() == i * 4 + j
        assert path.name.endswith("inhibits") == bool(path.filter2.sum() < 0)
    assert len(found.paths) == 2
    assert found.importance is importances[predicted]


def test_the_important_regions_are_the_tenth_that_matter_most():
    importance = torch.arange(20.0).view(4, 5)
    assert most_important(importance).nonzero().tolist() == [[3, 3], [3, 4]]
    assert most_important(torch.tensor([[0.0, 0.0], [0.0, 2.0]])).tolist() == [[False, False], [False, True]]
    assert not most_important(torch.zeros(4, 4)).any()
