"""How images are batched, ordered and laid out, and how many threads, or a GPU, work, changes neither accuracy nor maps."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest
import torch
from shipped import digits_like, fitting, networks
from torch import Tensor

import gcm
from gcm.data import CIFAR10, MNIST, Digits, ImageData, Split, as_pixels
from gcm.model import Classifier, evaluation_copy
from gcm.study.accuracy.predictions import split_logits
from gcm.visualizer import Visualizer

BOUND = 1e-5
"""Of a map's largest value."""
QUICK = ("gcm_digits", "tiny_lenet_mnist")
SENSITIVE = (
    "deconvnet", "deep_taylor", "guided_backprop", "guided_grad_cam", "input_x_gradient", "integrated_gradients", "lrp",
    "saliency", "smooth_grad",
)  # fmt: skip
"""Maps that jump where a ReLU opens or another pixel wins a pooling window, which rounding decides where values are
nearly equal; relevance jumps where it is shared in proportion to terms that nearly cancel. In float64 it is too rare to
be seen."""
JUMP = 0.1
"""Of the largest value, in a map that jumps; most do not, and keep the other bound."""
Explained = Callable[[Visualizer, Classifier, Tensor], Tensor]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_two_threads(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    with threads(2):
        return visualizer(network, images).maps


def channels_last(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    copy = deepcopy(network).to(memory_format=torch.channels_last)
    return visualizer(copy, images.to(memory_format=torch.channels_last)).maps


def in_batches(size: int) -> Explained:
    return lambda visualizer, network, images: torch.cat(
        [visualizer(network, part).maps for part in images.split(size)]
    )


def in_another_order(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return visualizer(network, images[order]).maps[order.argsort()]


def on_a_gpu(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        return visualizer(deepcopy(network).cuda(), images.cuda()).maps.cpu()


WAYS: dict[str, Explained] = {
    "one by one": in_batches(1),
    "batches of 3": in_batches(3),
    "order": in_another_order,
    "two threads": in_two_threads,
    "channels last": channels_last,
    **({"a GPU": on_a_gpu} if torch.cuda.is_available() else {}),
}


def deviations(maps: Tensor, others: Tensor) -> Tensor:
    """Of each image the largest difference, in units of the largest value of its maps: `(B,)`."""
    differences, sizes = (values.abs().flatten(1).amax(1) for values in (maps - others, maps))
    return differences / sizes.clamp_min(torch.finfo(sizes.dtype).tiny)


def images_for(network: Classifier, count: int) -> Tensor:
    """Of their own data where these are embedded."""
    if network.card.data == "digits":
        return as_pixels(Digits().test[torch.arange(count)][0], "cpu")
    return digits_like(network.spec, count)


@pytest.mark.parametrize("name", networks("tiny_lenet_mnist"))
def test_maps(name, trials):
    check_maps(gcm.load(name), images_for(gcm.load(name), trials(3)))


def check_maps(network, images):
    for kind, visualizer in fitting(network).items():
        maps = visualizer(network, images).maps
        for way, explained in WAYS.items():
            found = deviations(maps, explained(visualizer, network, images))
            assert found.median() <= BOUND, (kind, way, found)
            assert found.max() <= (JUMP if kind in SENSITIVE else BOUND), (kind, way, found)


@pytest.mark.parametrize("name", QUICK)
def test_maps_in_float64_never_jump(name, trials):
    network = gcm.load(name).double()
    images = images_for(network, trials(3)).double()
    for kind, visualizer in fitting(network).items():
        maps = visualizer(network, images).maps
        for way in ("one by one", "channels last"):
            found = deviations(maps, WAYS[way](visualizer, network, images))
            assert found.max() <= 1e-9, (kind, way, found)


def first_tested(network: Classifier, count: int) -> Split:
    """The first test images of a network's own data."""
    test = data_of(network).test
    return test.subset(torch.arange(min(count, len(test))))


def data_of(network: Classifier) -> ImageData:
    kinds = {"digits": Digits, "mnist": MNIST, "cifar10": CIFAR10}
    return kinds[network.card.data](root=os.environ.get("GCM_DATA", ""))


def in_bfloat16_mixed(network: Classifier, split: Split) -> Tensor:
    """As `task=test trainer.precision=bf16-mixed` does."""
    with torch.autocast("cpu", torch.bfloat16):
        return split_logits(network, split).float()


def in_bfloat16(network: Classifier, split: Split) -> Tensor:
    copy = evaluation_copy(network, torch.bfloat16)
    with torch.inference_mode():
        batches = torch.arange(len(split)).split(500)
        return torch.cat([copy(as_pixels(split[batch][0], "cpu").bfloat16()).float() for batch in batches])


EMBEDDED = ("gcm_digits", "cnn_digits")
REAL = [pytest.param(name, marks=pytest.mark.real_data) for name in ("gcm_mnist", "cnn_cifar10")]


@pytest.mark.parametrize("name", [*EMBEDDED, *REAL])
def test_accuracy(name, trials):
    network = gcm.load(name)
    split = first_tested(network, trials(360))
    named = split_logits(network, split).argmax(1)
    assert torch.equal(split_logits(network, split, batch_size=7).argmax(1), named)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    assert torch.equal(split_logits(network, split.subset(order)).argmax(1), named[order])
    with threads(2):
        assert torch.equal(split_logits(network, split).argmax(1), named)
    network.to(memory_format=torch.channels_last)
    assert torch.equal(split_logits(network, split).argmax(1), named)


@pytest.mark.parametrize("name", REAL)
def test_maps_of_real_images(name, trials):
    network = gcm.load(name)
    check_maps(network, as_pixels(data_of(network).test[torch.arange(trials(4))][0], "cpu"))


@pytest.mark.parametrize("name", [pytest.param("gcm_digits", marks=pytest.mark.slow), *REAL])
@pytest.mark.parametrize("half", [in_bfloat16_mixed, in_bfloat16])
def test_what_bfloat16_costs(name, half, trials):
    """Largest logit error and lost accuracy, as the README states them."""
    network = gcm.load(name)
    split = first_tested(network, trials(360))
    exact = split_logits(network, split)
    rounded = half(network, split)
    assert 0 < (rounded - exact).abs().max() <= 0.1 * exact.abs().max()
    right, right_rounded = ((logits.argmax(1) == split.labels).double().mean() for logits in (exact, rounded))
    assert (right - right_rounded).abs() <= 0.003


@pytest.mark.slow
def test_a_test_that_is_not_in_float32_says_so(train_py, tmp_path):
    end = train_py("task=test", "weights=cnn_digits", "trainer.precision=bf16-mixed", "output=out")
    assert end.code == 0, end.err
    assert "bf16-mixed" in end.out
    (result,) = json.loads((tmp_path / "out/result.json").read_text())
    assert result["precision"] == "bf16-mixed"
    assert abs(result["test_accuracy"] - gcm.load("cnn_digits").card.tests[0].accuracy) <= 1 / 360
