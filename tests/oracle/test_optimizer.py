"""Muon equals its authors' formulas, singular value by singular value."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import assert_same, few, seeds
from oracle.optimizer import AdamWByHand, MuonByHand, newton_schulz
from torch import nn

from gcm.training.muon import Muon, orthogonalized

dimensions, kernels = st.integers(1, 6), st.sampled_from([1, 3])


@few
@given(dimensions, dimensions, st.integers(1, 5), seeds)
def test_newton_schulz(rows, columns, iterations, seed):
    matrix = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert_same(orthogonalized(matrix, iterations), newton_schulz(matrix.numpy(), iterations))


@few
@given(st.tuples(dimensions, dimensions, kernels, kernels), st.sampled_from([0.0, 0.2]), seeds)
def test_steps(shape, decay, seed):
    torch.manual_seed(seed)
    weight, bias = (nn.Parameter(torch.randn(size, dtype=torch.float64)) for size in (shape, shape[:1]))
    optimizer = Muon([weight, bias], lr=0.03, weight_decay=decay, momentum=0.9, iterations=3)
    start = weight.detach().numpy().copy(), bias.detach().numpy().copy()
    oracles = MuonByHand(start[0], 0.03, decay, 0.9, 3), AdamWByHand(start[1], 0.03, decay)
    for _ in range(3):
        for parameter, oracle in zip((weight, bias), oracles, strict=True):
            parameter.grad = torch.randn_like(parameter)
            oracle.step(parameter.grad.numpy().copy())
        optimizer.step()
    assert_same(weight, oracles[0].weight)
    assert_same(bias, oracles[1].weight)
