"""The rules of relevance, written out from their formulas, one output at a time."""

import torch

from gcm.visualizer.relevance import AlphaBeta, Bounded, Epsilon, Gamma


def by_hand(rule, inputs, weight, bias, relevance, low, high):
    """`inputs` (I), `weight` (O,I), `bias` and `relevance` (O), written out from the rules' formulas."""
    handed = torch.zeros_like(inputs)
    for w, b, r in zip(weight, bias, relevance, strict=True):
        brought = inputs * w
        output = brought.sum() + b
        sign = -1 if output < 0 else 1
        for_it = (brought * sign).clamp_min(0) * sign  # what has the output's sign
        if isinstance(rule, Epsilon):
            handed += brought * r / (output + rule.epsilon * sign)
        elif isinstance(rule, Gamma):
            bias_for_it = (b * sign).clamp_min(0) * sign
            shares = brought + rule.gamma * for_it
            handed += shares * r / (output + rule.gamma * (for_it.sum() + bias_for_it))
        elif isinstance(rule, AlphaBeta):
            bias_for_it = (b * sign).clamp_min(0) * sign
            against_it, bias_against_it = brought - for_it, b - bias_for_it
            beta = rule.beta if against_it.sum() + bias_against_it else 0
            handed += (1 + beta) * for_it * ratio(r, for_it.sum() + bias_for_it)
            handed -= beta * against_it * ratio(r, against_it.sum() + bias_against_it)
        elif isinstance(rule, Bounded):
            nearest, farthest = (low, high) if sign > 0 else (high, low)
            shares = brought - nearest * w.clamp_min(0) - farthest * w.clamp_max(0)
            handed += shares * ratio(r, shares.sum())
        else:
            handed += for_it * ratio(r, for_it.sum())
    return handed


def ratio(part, whole):
    return part / whole if whole else 0.0
