"""Occlusion: the logit without a part of the image."""

import torch
from torch import Tensor, nn

from gcm.error import InputError, listed
from gcm.model import Classifier
from gcm.types import PositiveCount, Share
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Occlusion(Visualizer):
    """Occlusion measures how far the class's logit falls when a square of the image is covered:
    `(B,K,1,H/patch,W/patch)`.

    Every covered image is classified once for all classes. Source: Zeiler and Fergus, ECCV 2014, section 4.2, on the
    logit, with squares side by side. Raises `InputError` where `patch` does not divide the image.

    >>> import gcm, torch
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    >>> explanation = gcm.visualizer.Occlusion(patch=2)(network, torch.ones(1, 1, 4, 4))
    >>> torch.allclose(explanation.maps.sum((2, 3, 4)), explanation.logits - network[1].bias, atol=1e-5)
    True
    """

    def __init__(self, patch: PositiveCount = 4, value: Share = 0.0) -> None:
        """Cover squares of `patch` pixels a side by `value`, 0 (black) to 1 (white)."""
        self.patch = patch
        self.value = value

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        images, patch = forward_pass.images, self.patch
        height, width = images.shape[2:]
        reason = self._uneven(height, width)
        if reason:
            raise InputError(reason)
        falls = []
        for row in range(0, height, patch):
            for column in range(0, width, patch):
                covered = images.clone()
                covered[:, :, row : row + patch, column : column + patch] = self.value
                falls.append(forward_pass.logits - forward_pass.logits_at(covered))  # (B,K)
        maps = torch.stack(falls, 2).gather(1, forward_pass.targets.unsqueeze(2).expand(-1, -1, len(falls)))
        return maps.view(*maps.shape[:2], 1, height // patch, width // patch)

    def misfit(self, model: nn.Module) -> str:
        return self._uneven(*model.spec.shape[1:]) if isinstance(model, Classifier) else ""

    def _uneven(self, height: int, width: int) -> str:
        if not (height % self.patch or width % self.patch):
            return ""
        allowed = [size for size in range(1, min(height, width) + 1) if not (height % size or width % size)]
        return f"patch must divide {height}x{width} pixels, got {self.patch}; allowed: {listed(allowed)}"
