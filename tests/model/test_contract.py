"""What every network must do."""

import pytest
import torch
from sample import MODELS, NETWORKS, images_of, randomized

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import FeatureClassifier, Interpretable

SPECS = {"grey": ImageSpec.of(1, 28, 10), "colour": ImageSpec.of(3, 32, 4)}


@pytest.fixture(params=MODELS | NETWORKS)
def build_network(request):
    return (MODELS | NETWORKS)[request.param]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_logits_have_one_column_for_each_class(build_network, spec):
    logits = build_network(spec)(images_of(spec))
    assert logits.shape == (4, len(spec.classes))
    assert logits.isfinite().all()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_images_do_not_influence_each_other(build_network, spec):
    network, images = build_network(spec).double().eval(), images_of(spec, dtype=torch.float64)
    one_by_one = torch.cat([network(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(network(images), one_by_one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_parameter_learns(build_network, spec):
    network = build_network(spec)
    network(images_of(spec, count=16)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-11)])
def test_contributions_add_up_to_the_logits(build_network, spec, dtype, tolerance):
    network = randomized(build_network(spec)).to(dtype).eval()
    if not isinstance(network, Interpretable):
        pytest.skip("gives no account of its logits")
    images = images_of(spec, count=8, dtype=dtype)
    account = network.contributions(images)
    added_up = account.parts.flatten(2).sum(2) + account.rest
    size = account.parts.flatten(2).abs().sum(2)
    torch.testing.assert_close(account.logits, network(images))
    assert ((added_up - account.logits).abs() <= tolerance * size).all()


def test_contributions_of_targets_are_those_of_all_classes(build_network):
    spec = SPECS["colour"]
    network, images = build_network(spec).eval(), images_of(spec)
    if not isinstance(network, Interpretable):
        pytest.skip("gives no account of its logits")
    parts = network.contributions(images).parts
    torch.testing.assert_close(network.contributions(images, torch.tensor([2, 0])).parts, parts[:, [2, 0]])
    own = torch.tensor([[0], [1], [2], [3]])
    torch.testing.assert_close(network.contributions(images, own).parts[:, 0], parts[torch.arange(4), own[:, 0]])


def test_logits_are_head_of_features(build_network):
    spec = SPECS["colour"]
    network, images = build_network(spec).eval(), images_of(spec)
    if not isinstance(network, FeatureClassifier):
        pytest.skip("has no features and head")
    torch.testing.assert_close(network.head(network.features(images)), network(images))


@pytest.mark.parametrize(
    "images",
    [torch.rand(2, 1, 32, 32), torch.rand(3, 32, 32), torch.zeros(2, 3, 32, 32, dtype=torch.uint8)],
    ids=["channels", "no batch", "dtype"],
)
def test_wrong_images_are_refused(build_network, images):
    with pytest.raises(InputError, match=r"takes float images \(B,3,.*got torch"):
        build_network(SPECS["colour"])(images)


def test_another_size_works_or_is_refused(build_network):
    spec = SPECS["colour"]
    network, images = build_network(spec).eval(), torch.rand(2, 3, 45, 38)
    if network.any_size:
        assert network(images).shape == (2, 4)
    else:
        with pytest.raises(InputError, match=r"\(B,3,32,32\)"):
            network(images)
