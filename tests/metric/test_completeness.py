"""The completeness residual, by hand and on networks that account for their scores."""

import pytest
import torch
from sample import NETWORKS, images_of, randomized

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.metric import CompletenessResidual
from gcm.model import Contributions, Interpretable

INTERPRETABLE = [name for name, build in NETWORKS.items() if isinstance(build(ImageSpec.of(3, 16, 3)), Interpretable)]


def account(logits, parts, rest):
    return Contributions(torch.tensor(logits), torch.tensor(parts), torch.tensor(rest))


def test_by_hand():
    metric = CompletenessResidual()
    metric.update(account([[1.0, 2.0]], [[[1.0, 0.0], [1.0, 0.5]]], [[0.0, 0.0]]))  # off by 0 and by 0.5
    assert metric.compute().residual == pytest.approx(0.5 / 1.25)
    assert not metric.compute().signed
    metric.update(account([[-1.0, 3.0]], [[[-2.0, 0.0], [1.0, 1.0]]], [[0.0, 1.0]]))  # off by 1 and by 0
    assert metric.compute().residual == pytest.approx(1 / 1.625)
    assert metric.compute().signed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", INTERPRETABLE)
def test_every_network_that_gives_an_account_is_complete(name, dtype):
    spec = ImageSpec.of(3, 16, 3)
    network, images = randomized(NETWORKS[name](spec)).to(dtype).eval(), images_of(spec, 8, dtype=dtype)
    metric = CompletenessResidual()
    metric.update(network.contributions(images))
    assert metric.compute().residual < (1e-5 if dtype == torch.float32 else 1e-12)


def test_no_image_and_no_number_are_refused():
    with pytest.warns(UserWarning, match="before the ``update``"), pytest.raises(InputError, match="seen no image"):
        CompletenessResidual().compute()
    with pytest.raises(InputError, match="must be finite"):
        CompletenessResidual().update(account([[torch.nan]], [[[1.0]]], [[0.0]]))
