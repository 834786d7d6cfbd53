"""Networks that are asked, once or in stochastic passes, and what their answers are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binomtest
from torch import Tensor

from gcm.model import Classifier
from gcm.study.uncertainty.numbers import Beliefs, Calibration, Detection, beliefs, detection

POSSIBLE = 0.05
"""From which mean probability on a class counts as possible."""


@dataclass(frozen=True)
class Asked:
    """A network, asked once as it is, or in several stochastic passes.

    Attributes:
        name: of the network.
        weights_sha256: its weights' hash.
        network: in evaluation mode, on its device.
        passes: None: once.
        seed: of the passes.
    """

    name: str
    weights_sha256: str
    network: Classifier
    passes: int | None
    seed: int

    @property
    def how(self) -> str:
        return "softmax, once" if self.passes is None else f"{self.passes} passes"

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def about(self, images: Tensor, what: str) -> Beliefs:
        """Of images `(N,C,H,W)` uint8; `what` they are, for the progress bar."""
        return beliefs(f"{self.name}, {self.how}: {what}", self.network, images, self.passes, self.seed, self.device)


@dataclass(frozen=True)
class Calibrated:
    """Attributes:
    asked: the network, and how.
    images: of the test set, or covered ones.
    found: their calibration.
    """

    asked: Asked
    images: str
    found: Calibration


@dataclass(frozen=True)
class CoveredClass:
    """Attributes:
    asked: the network, and how.
    label: the class's name.
    images: of this class, right when whole.
    stays: share of them in which the class stays the most probable; `low` and `high` are its 95 % interval (Wilson).
    possible: share of them in which each other class is possible, by name; the most frequent first.
    """

    asked: Asked
    label: str
    images: int
    stays: float
    low: float
    high: float
    possible: dict[str, float]

    @staticmethod
    def of(asked: Asked, classes: Sequence[str], label: int, probabilities: Tensor) -> "CoveredClass":
        """From the probabilities of the covered images, `(N,K)`."""
        stay = int((probabilities.argmax(1) == label).sum())
        interval = binomtest(stay, len(probabilities)).proportion_ci(0.95, method="wilson")
        shares = (probabilities >= POSSIBLE).double().mean(0)
        others = [
            number for number in shares.argsort(descending=True).tolist() if number != label and shares[number] > 0
        ]
        possible = {classes[number]: float(shares[number]) for number in others}
        return CoveredClass(
            asked=asked,
            label=classes[label],
            images=len(probabilities),
            stays=stay / len(probabilities),
            low=interval.low,
            high=interval.high,
            possible=possible,
        )


@dataclass(frozen=True)
class Detected:
    """Attributes:
    asked: the network, and how.
    unlike: the images that are strange.
    score: by which they are told from test images.
    found: how well.
    """

    asked: Asked
    unlike: str
    score: str
    found: Detection


def detected_by(asked: Asked, unlike: str, own: Beliefs, strange: Beliefs) -> list[Detected]:
    """By each score. Passes alone can disagree, so that mutual information needs them."""
    scores = {
        "1 - largest probability": (1 - own.confidence, 1 - strange.confidence),
        "entropy": (own.entropy, strange.entropy),
        "mutual information": (own.mutual_information, strange.mutual_information),
    }
    if asked.passes is None:
        del scores["mutual information"]
    return [Detected(asked, unlike, score, detection(*pair)) for score, pair in scores.items()]
