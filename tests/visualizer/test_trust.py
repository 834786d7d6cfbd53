"""What every visualizer owes to every shipped network that it fits: finite maps, the same each time, and no trace."""

import gc
import itertools
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Barrier, Thread

import pytest
import torch
from shipped import digits_like, fitting, networks
from torch import Tensor, nn
from untouched import untouched

import gcm

PARTS = ("forward", "backward")


class LayerError(Exception):
    """In the middle of an explanation."""


ENDS = (LayerError, KeyboardInterrupt)


@pytest.fixture(params=networks("cnn_digits", "tiny_lenet_mnist"))
def network(request):
    """As somebody has it who goes on training: with gradients, in training mode but for one part."""
    network = gcm.load(request.param).train()
    list(network.children())[-1].eval()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    next(network.parameters()).requires_grad_(False)
    return network


def cases(network, count=2):
    return fitting(network), digits_like(network.spec, count)


def test_maps_are_finite_and_the_same_each_time_and_the_network_is_untouched(network):
    visualizers, images = cases(network)
    for name, visualizer in visualizers.items():
        with untouched(network):
            first = visualizer(network, images)
            second = visualizer(network, images)
        assert first.maps.isfinite().all(), name
        assert torch.equal(first.maps, second.maps), name
        assert torch.equal(first.logits, second.logits), name


def leaves(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if not list(module.children())]


@contextmanager
def failing(layer: nn.Module, part: str, end: type[BaseException]) -> Iterator[None]:
    """Raises after the layer's forward pass, or when a gradient comes back to its output."""

    def fail(*_):
        raise end

    def fail_backward(_module, _inputs, output):
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(fail)

    handle = layer.register_forward_hook(fail if part == "forward" else fail_backward)
    try:
        yield
    finally:
        handle.remove()


def injections(network: nn.Module, count: int) -> list[tuple[nn.Module, str, type[BaseException]]]:
    """All, or some: the first layer, which all visualizers reach, and others drawn at random."""
    first, *others = itertools.product(leaves(network), PARTS, ENDS)
    return [first, *random.Random(0).sample(others, min(count - 1, len(others)))]


def interrupted(call: Callable[[], object]) -> bool:
    with suppress(*ENDS):
        call()
        return False
    return True


def test_the_network_is_untouched_wherever_a_layer_fails(network, trials):
    visualizers, images = cases(network)
    for name, visualizer in visualizers.items():
        maps = visualizer(network, images).maps
        reached = 0
        for layer, part, end in injections(network, trials(3)):
            with failing(layer, part, end), untouched(network):
                reached += interrupted(lambda visualizer=visualizer: visualizer(network, images))
        assert reached, name
        assert torch.equal(visualizer(network, images).maps, maps), name


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.slow
def test_memory_does_not_grow(network, trials):
    """Over calls of which every other fails in a layer drawn at random."""
    visualizers, images = cases(network)
    drawn = itertools.cycle(injections(network, 64))

    def call(visualizer):
        visualizer(network, images)
        layer, part, end = next(drawn)
        with failing(layer, part, end):
            interrupted(lambda: visualizer(network, images))

    for visualizer in visualizers.values():
        call(visualizer)
    tensors = live_tensors()
    tracemalloc.start()
    try:
        for name, visualizer in visualizers.items():
            call(visualizer)
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(trials(2) // 2):
                call(visualizer)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
            assert grown < 20_000, (name, grown)
    finally:
        tracemalloc.stop()
    assert live_tensors() == tensors


def test_two_threads_explain_with_one_network(network, trials):
    visualizers, images = cases(network)
    alone = {name: visualizer(network, images).maps for name, visualizer in visualizers.items()}
    wrong, together = [], Barrier(2)

    def explain_all(names):
        torch.set_num_threads(1)
        together.wait()
        for _ in range(trials(2)):
            for name in names:
                try:
                    if not torch.equal(visualizers[name](network, images).maps, alone[name]):
                        wrong.append(name)
                except Exception as error:
                    wrong.append(f"{name}: {error!r}")

    with untouched(network):
        threads = [Thread(target=explain_all, args=[names]) for names in (list(alone), list(alone)[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
