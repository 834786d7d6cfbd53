"""A network that changes its input in place is explained as its twin that does not, and changes nobody's images."""

import pytest
import torch
from torch import nn
from torchvision.transforms.functional import normalize

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.metric import Deletion, Insertion
from gcm.model import Classifier, FeatureClassifier
from gcm.visualizer import (
    LRP,
    Deconvnet,
    DeepTaylor,
    GradCAM,
    GuidedBackprop,
    GuidedGradCAM,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    Random,
    Saliency,
    SmoothGrad,
    Uniform,
    explain_with,
)

SPEC = ImageSpec.of(3, 8, 3)
MEAN, DEVIATION = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.25, 0.3, 0.2])
CENTRE, SCALE = MEAN.double().view(1, 3, 1, 1), DEVIATION.double().view(1, 3, 1, 1)
IMAGES = torch.rand(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def operators(images):
    images -= CENTRE
    images /= SCALE
    return images


def methods(images):
    images.sub_(CENTRE).div_(SCALE)
    return images


def scaled_addition(images):
    images.add_(CENTRE, alpha=-1).mul_(1 / SCALE)
    return images


def channel_by_channel(images):
    for channel in range(3):
        images[:, channel] -= CENTRE[0, channel]
        images[:, channel].div_(SCALE[0, channel])
    return images


def assigned(images):
    for channel in range(3):
        images[:, channel] = (images[:, channel] - CENTRE[0, channel]) / SCALE[0, channel]
    return images


def by_a_view(images):
    flat = images.view(len(images), 3, -1)
    flat -= CENTRE.view(1, 3, 1)
    flat /= SCALE.view(1, 3, 1)
    return images


def copied(images):
    images.copy_((images - CENTRE) / SCALE)
    return images


def torchvision(images):
    return normalize(images, CENTRE.flatten().tolist(), SCALE.flatten().tolist(), inplace=True)


IN_PLACE = [operators, methods, scaled_addition, channel_by_channel, assigned, by_a_view, copied, torchvision]


def twin(images):
    return (images - CENTRE) / SCALE


class Normalizing(Classifier):
    """A network whose first lines are `prepared`."""

    def __init__(self, prepared) -> None:
        super().__init__(SPEC)
        torch.manual_seed(0)
        self.prepared = prepared
        layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(80, 3)).double()

    def forward(self, images):
        return self.layers(self.prepared(images))


class Features(FeatureClassifier):
    """The same, with features, and a head that begins in place too."""

    def __init__(self, prepared, activation) -> None:
        super().__init__(SPEC)
        self.network, self.activation = Normalizing(prepared), activation
        self.linear = nn.Linear(5, 3).double()

    def features(self, images):
        return self.network.layers[:4](self.network.prepared(images))

    def head(self, features):
        return self.linear(self.activation(features).mean((2, 3)))


FITTING = {
    repr(visualizer): visualizer
    for visualizer in (
        Saliency(),
        InputXGradient(),
        IntegratedGradients(4),
        SmoothGrad(2),
        GuidedBackprop(),
        Deconvnet(),
        LRP(),
        LRP(pixels="epsilon"),
        DeepTaylor(),
        Occlusion(),
        Uniform(),
        Random(),
    )
}


def assert_same(found, expected):
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.maps, expected.maps, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("prepared", IN_PLACE)
@pytest.mark.parametrize("name", FITTING)
def test_explained_as_its_twin(name, prepared):
    images = IMAGES.clone()
    found = FITTING[name](Normalizing(prepared), images)
    assert torch.equal(images, IMAGES)
    assert_same(found, FITTING[name](Normalizing(twin), IMAGES))


@pytest.mark.parametrize("visualizer", [GradCAM(), GuidedGradCAM(), Saliency(), LRP("epsilon")], ids=str)
def test_features_and_a_head_that_change_what_they_are_given(visualizer):
    """The head begins with an activation in place, as that of a DenseNet."""
    images = IMAGES.clone()
    found = visualizer(Features(operators, nn.ReLU(inplace=True)), images)
    assert torch.equal(images, IMAGES)
    assert_same(found, visualizer(Features(twin, nn.ReLU()), IMAGES))


def test_several_visualizers_on_one_batch():
    images = IMAGES.clone()
    found = explain_with(FITTING, Normalizing(operators), images)
    assert torch.equal(images, IMAGES)
    expected = explain_with(FITTING, Normalizing(twin), IMAGES)
    for name in FITTING:
        assert_same(found[name], expected[name])


def test_by_hand():
    """A logit that reads the first of the pixels 1, 0.75, 0.5 and 0.25 is (1 - 0.5) / 0.25 = 2, and -2 where it is 0."""

    class FirstPixel(nn.Module):
        def forward(self, images):
            images -= 0.5
            images /= 0.25
            return images.flatten(1)[:, :1]

    images = torch.tensor([1, 0.75, 0.5, 0.25]).view(1, 1, 1, 4)
    assert Occlusion(patch=1)(FirstPixel(), images).maps.flatten().tolist() == [4, 0, 0, 0]
    assert Saliency()(FirstPixel(), images).maps.flatten().tolist() == [4, 0, 0, 0]


def without_autograd(images):
    with torch.no_grad():
        images -= CENTRE
    return images


def by_data(images):
    images.data.div_(SCALE)
    return images


@pytest.mark.parametrize("prepared", [without_autograd, by_data, lambda images: images.detach().sub_(CENTRE)])
@pytest.mark.parametrize("visualizer", [Saliency(), LRP()], ids=str)
def test_what_autograd_cannot_see_is_refused_where_gradients_are_needed(visualizer, prepared):
    with pytest.raises(InputError, match="Normalizing"):
        visualizer(Normalizing(prepared), IMAGES)
    assert Occlusion()(Normalizing(prepared), IMAGES).maps.isfinite().all()


@pytest.mark.parametrize("metric", [Deletion, Insertion])
def test_metrics(metric):
    maps, targets = torch.rand(4, 1, 8, 8), torch.arange(4).unsqueeze(1) % 3
    values = []
    for prepared in (operators, twin):
        images, measured = IMAGES.clone(), metric(steps=4)
        measured.update(Normalizing(prepared).eval(), images, maps, targets)
        assert torch.equal(images, IMAGES)
        values.append(measured.per_image())
    torch.testing.assert_close(*values)
