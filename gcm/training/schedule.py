"""The learning rate moves from step to step; `optimizer.lr` is the peak."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from gcm.types import ShareBelowOne


def one_cycle(optimizer: Optimizer, total_steps: int, warmup_share: ShareBelowOne = 0.3) -> LRScheduler:
    """Raise the rate from 1/25 of the peak during `warmup_share` of the steps, then lower it to almost 0 (Smith, 2018).

    Momentum (for Adam and AdamW, beta 1) moves the other way, from 0.95 to 0.85 and back, whatever the optimizer's
    config says. Muon's momentum for convolutions stays.
    """
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peaks, total_steps=total_steps, pct_start=warmup_share)


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Keep the same rate at every step."""
    return ConstantLR(optimizer, factor=1.0)
