"""A noise mask is the strongest noise on an image that the network hardly notices: it shows what does not matter.

Source: the noise-mask paper, section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.data.loader import seeded_generator
from gcm.model import Classifier
from gcm.types import NonNegativeNumber, PositiveCount, PositiveNumber, Seed, Share
from gcm.visualizer.base import inspected
from gcm.visualizer.masked_network import MaskedNetwork, Thresholds

COPIES_AT_ONCE = 400
"""The most noisy copies, of all images together, that go through the network at once; one image may have more."""
MOMENTS = ("exp_avg", "exp_avg_sq")
"""The names of the averages that Adam keeps of each mask."""


@dataclass(frozen=True, kw_only=True)
class NoiseMaskSettings:
    """Settings by which the noise's strength `w` `(H,W)` in [0,1] is found, one for all classes and channels.

    The noise is `U * w` with `U` uniform in [-1,1], and Adam minimises `E(w) = 1/N sum_n sum_k max(|y_k - y'_kn| - a,
    0) - mean of w`. `y` and `y'` are logits of the masked network, of the image and of its noisy copies; `w` starts at
    0 and is clamped after every step. All images get the same draws of noise, so that, up to rounding, an image has the
    same mask in every batch.

    Attributes:
        samples: `N`, noisy copies in each step.
        steps: steps of Adam, at most.
        learning_rate: learning rate at the first step.
        last_rate: learning rate at the last step, as a share of the first; in between on a straight line.
        tolerance: `a`, in units of the logits; `auto`: half the smallest gap between two of the image's logits that are
            not equal, the most that keeps their order.
        thresholds: thresholds of the masked network.
        settled: an image's mask has settled, and is done, when over the last twentieth of the steps its values moved by
            less than this share of the way that Adam could go, as a mean over the pixels that were not at 0 or at 1 all
            the time. 0: never.
        seed: seed of the noise.
    """

    samples: PositiveCount = 20
    steps: PositiveCount = 300
    learning_rate: PositiveNumber = 0.02
    last_rate: Share = 0.05
    tolerance: NonNegativeNumber | Literal["auto"] = "auto"
    thresholds: Thresholds = field(default_factory=Thresholds)
    settled: Share = 0.05
    seed: Seed = 0

    @property
    def window(self) -> int:
        """Steps between two looks at whether a mask has settled."""
        return max(1, self.steps // 20)

    def rate(self, step: int) -> float:
        """Return the learning rate at a step, counted from 1."""
        return self.learning_rate * (1 + (self.last_rate - 1) * (step - 1) / max(1, self.steps - 1))

    def batches(self, images: Tensor) -> tuple[Tensor, ...]:
        """Split the images `(B,…)` into parts as large as there is room for."""
        parts: tuple[Tensor, ...] = images.split(max(1, COPIES_AT_ONCE // self.samples))
        return parts


@dataclass
class NoiseMasks:
    """Noise masks as far as they have been found.

    Attributes:
        strength: `w`, `(B,H,W)` in [0,1]; 1: this pixel does not matter.
        tolerance: `a`, `(B,)`.
        steps: number of steps taken for each image, `(B,)`.
        settled: which images' masks have settled, `(B,)`.
        excess: E's first term, by how much the logits move more than they may, `(B,steps)`; NaN after the last step.
        noise: the mean of `w`, which is E's second term, `(B,steps)`; NaN after the last step.
    """

    strength: Tensor
    tolerance: Tensor
    steps: Tensor
    settled: Tensor
    excess: Tensor
    noise: Tensor


def noise_masks(network: Classifier, images: Tensor, settings: NoiseMaskSettings) -> NoiseMasks:
    """Find the noise masks of images `(B,C,H,W)`, float in [0,1].

    Raises `InputError` where the network has activations that cannot be masked.
    """
    parts = []
    for batch in settings.batches(images):
        with inspected(network, batch) as forward_pass:
            pixels = forward_pass.images
            masked = MaskedNetwork.of_images(network, pixels, settings.thresholds)
            parts.append(NoiseMaskSearch(masked, pixels, settings).run())
    return joined(parts)


def joined(parts: Sequence[NoiseMasks]) -> NoiseMasks:
    """Join the masks of several batches, on the CPU."""
    return NoiseMasks(
        **{part.name: torch.cat([getattr(masks, part.name).cpu() for masks in parts]) for part in fields(NoiseMasks)}
    )


class NoiseMaskSearch:
    """A search for the masks of `B` images can be stopped after any step and gone on with.

    Attributes:
        masks: the masks found so far.
    """

    def __init__(self, masked: MaskedNetwork, images: Tensor, settings: NoiseMaskSettings) -> None:
        """Begin the search; `masked` has the masks of `images` `(B,C,H,W)`, is inspected, and lies where they lie."""
        self.masked, self.images, self.settings = masked, images, settings
        with torch.no_grad():
            self.logits = masked(images.unsqueeze(1))  # (B,1,K)
        count, (height, width) = len(images), images.shape[2:]
        self.strengths = [images.new_zeros(height, width, requires_grad=True) for _ in range(count)]
        self.optimizer = torch.optim.Adam(self.strengths, settings.learning_rate)
        self.at_last_look = images.new_zeros(count, height, width)
        self.masks = NoiseMasks(
            strength=images.new_zeros(count, height, width),
            tolerance=tolerance_of(self.logits.squeeze(1), settings.tolerance),
            steps=torch.zeros(count, dtype=torch.long),
            settled=torch.zeros(count, dtype=torch.bool),
            excess=torch.full((count, settings.steps), torch.nan),
            noise=torch.full((count, settings.steps), torch.nan),
        )

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return int(self.masks.steps.max())

    @property
    def unfinished(self) -> Tensor:
        """The places of the images that are not done, `(b,)`."""
        return (~self.masks.settled).nonzero().flatten() if self.step < self.settings.steps else torch.tensor([])

    def run(self, after_step: Callable[["NoiseMaskSearch"], object] = lambda _: None) -> NoiseMasks:
        """Take steps until all masks have settled or no step is left; `after_step` is called after each."""
        while len(self.unfinished):
            self.take_step(self.unfinished)
            if self.step % self.settings.window == 0:
                self.look_whether_settled()
            after_step(self)
        return self.masks

    def take_step(self, places: Tensor) -> None:
        """Take a step of Adam for the images at `places` `(b,)`."""
        step = self.step + 1
        draws = uniform_noise(self.settings.samples, self.images, self.settings.seed, step)
        chosen = [self.strengths[place] for place in places]
        with torch.enable_grad():
            strength = torch.stack(chosen)
            noisy = with_noise(self.images[places], strength, draws)
            moved = (self.masked.subset(places)(noisy) - self.logits[places]).abs()  # (b,N,K)
            excess = F.relu(moved - self.masks.tolerance[places, None, None]).sum(2).mean(1)
            noise = strength.mean((1, 2))
            gradients = torch.autograd.grad((excess - noise).sum(), chosen)
        for parameter, gradient in zip(chosen, gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.param_groups[0]["lr"] = self.settings.rate(step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            for place, parameter in zip(places, chosen, strict=True):
                self.masks.strength[place] = parameter.clamp_(0, 1)
        self.masks.steps[places] = step
        self.masks.excess[places, step - 1] = excess.detach().cpu().float()
        self.masks.noise[places, step - 1] = noise.detach().cpu().float()

    def look_whether_settled(self) -> None:
        """Mark the images as done whose masks have hardly moved since the last look."""
        first = self.step - self.settings.window + 1
        way = sum(self.settings.rate(step) for step in range(first, self.step + 1))
        strength = self.masks.strength
        moved = (strength - self.at_last_look).abs().sum((1, 2))
        at_the_end = (strength == self.at_last_look) & ((strength == 0) | (strength == 1))
        able = (~at_the_end).sum((1, 2))
        self.masks.settled |= (moved < self.settings.settled * way * able.clamp_min(1)).cpu()
        self.at_last_look = strength.clone()

    def state(self) -> dict[str, Tensor]:
        """Return all that `restore` needs to go on; there must have been a step."""
        moments = [self.optimizer.state[strength] for strength in self.strengths]
        return {
            **vars(self.masks),
            "at_last_look": self.at_last_look,
            **{name: torch.stack([moment[name] for moment in moments]) for name in MOMENTS},
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state; raises `KeyError` where a part is missing."""
        device = self.images.device
        self.masks = NoiseMasks(**{part.name: state[part.name] for part in fields(NoiseMasks)})
        self.masks.strength = self.masks.strength.to(device)
        self.masks.tolerance = self.masks.tolerance.to(device)
        self.at_last_look = state["at_last_look"].to(device)
        for strength, found in zip(self.strengths, self.masks.strength, strict=True):
            strength.detach().copy_(found)
        moments = {
            place: {"step": taken.float(), **{name: state[name][place] for name in MOMENTS}}
            for place, taken in enumerate(self.masks.steps)
        }
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


def tolerance_of(logits: Tensor, tolerance: float | Literal["auto"]) -> Tensor:
    """Return `a` for each image, `(B,)`, from its logits `(B,K)`."""
    if tolerance != "auto":
        return logits.new_full((len(logits),), tolerance)
    gaps = logits.sort(1).values.diff(dim=1)
    smallest = gaps.masked_fill(gaps == 0, torch.inf).amin(1)
    return smallest.masked_fill(smallest == torch.inf, 0.0) / 2


def uniform_noise(copies: int, images: Tensor, *stream: int) -> Tensor:
    """Draw `U`, `(N,C,H,W)` in [-1,1], the same for all images; `stream` names the draw."""
    draws = torch.rand(copies, *images.shape[1:], generator=seeded_generator("cpu", *stream), dtype=torch.float32)
    return draws.mul_(2).sub_(1).to(images)


def with_noise(images: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Return `x + U * w`: images `(B,C,H,W)`, strength `(B,H,W)`, draws `(N,C,H,W)` to `(B,N,C,H,W)`."""
    return images.unsqueeze(1) + strength[:, None, None] * draws
