"""Muon: what is computed by hand, and what torch says of the same steps."""

import copy

import pytest
import torch
from torch import nn

from gcm.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_orthogonalized_keeps_singular_vectors_and_evens_out_values(shape):
    matrix = torch.randn(*shape, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ orthogonalized(matrix, 5) @ right.T
    assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-9)
    well_conditioned = values > 0.2 * values[0]
    assert inner.diagonal()[well_conditioned].min() > 0.6
    assert inner.diagonal().max() < 1.3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="came with torch 2.9")
def test_a_convolution_steps_as_torch_steps_its_matrix():
    weight = torch.randn(8, 4, 3, 3)
    ours, theirs = nn.Parameter(weight.clone()), nn.Parameter(weight.flatten(1).clone())
    muon = Muon([ours], lr=0.01, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        gradient = torch.randn_like(weight)
        ours.grad, theirs.grad = gradient, gradient.flatten(1).clone()
        muon.step()
        reference.step()
    moved = (theirs - weight.flatten(1)).norm()
    assert (ours.flatten(1) - theirs).norm() < 0.03 * moved  # torch works in bfloat16


def test_everything_else_steps_as_adamw():
    linear = nn.Linear(5, 3)
    twin = copy.deepcopy(linear)
    muon, adamw = (
        Muon(linear.parameters(), lr=0.1, weight_decay=0.2),
        torch.optim.AdamW(twin.parameters(), 0.1, weight_decay=0.2),
    )
    for _ in range(3):
        images = torch.randn(7, 5)
        for layer, optimizer in ((linear, muon), (twin, adamw)):
            optimizer.zero_grad()
            layer(images).square().sum().backward()
            optimizer.step()
    assert torch.equal(linear.weight, twin.weight)


def test_a_restored_optimizer_goes_on_as_if_never_stopped():
    layers = [nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)]
    layers[1].load_state_dict(layers[0].state_dict())
    optimizers = [Muon(layer.parameters()) for layer in layers]
    images = torch.randn(4, 2, 5, 5)

    def step(number):
        optimizers[number].zero_grad()
        layers[number](images).square().sum().backward()
        optimizers[number].step()

    for number in (0, 0, 1, 1):
        step(number)
    optimizers[1] = Muon(layers[1].parameters())
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    step(0)
    step(1)
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_what_classes_have_in_common_is_left_alone():
    """Softmax's gradient adds up to 0 over the classes; an orthogonal step keeps that, AdamW's does not."""
    moved = {}
    for optimizer_class in (Muon, torch.optim.AdamW):
        torch.manual_seed(0)
        layer = nn.Conv2d(4, 5, 3, bias=False)
        before = layer.weight.detach().clone()
        optimizer = optimizer_class(layer.parameters(), lr=0.01, weight_decay=0.0)
        for _ in range(10):
            optimizer.zero_grad()
            scores = layer(torch.randn(32, 4, 3, 3)).flatten(1)
            nn.functional.cross_entropy(scores, torch.randint(5, (32,))).backward()
            optimizer.step()
        step = layer.weight.detach() - before
        moved[optimizer_class] = (step.mean(0).norm() / step.norm()).item()
    assert moved[Muon] < 1e-4
    assert moved[torch.optim.AdamW] > 0.01
