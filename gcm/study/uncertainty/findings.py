"""Networks' predictive distributions are judged: how calibrated, when covered, on unlike images."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gcm.study.accuracy.predictions import accuracy
from gcm.study.uncertainty.numbers import Calibration, Detection, detection
from gcm.study.uncertainty.predictive import Predictive, PredictiveDistribution

POSSIBLE = 0.05
"""The mean probability from which on a class counts as possible."""


@dataclass(frozen=True)
class Calibrated:
    """The calibration of one network on one kind of images.

    Attributes:
        predictive: the network, and how it predicts.
        images: name of the images: of the test set, or covered ones.
        found: their calibration.
    """

    predictive: Predictive
    images: str
    found: Calibration


@dataclass(frozen=True)
class CoveredClass:
    """The predictions for covered images of one class.

    Attributes:
        predictive: the network, and how it predicts.
        label: the class's name.
        images: number of images of this class, right when whole.
        stays: share of them in which the class stays the most probable; `low` and `high` are its 95 % interval
            (Wilson).
        possible: share of them in which each other class is possible, by name; the most frequent first.
    """

    predictive: Predictive
    label: str
    images: int
    stays: float
    low: float
    high: float
    possible: dict[str, float]

    @staticmethod
    def of(predictive: Predictive, classes: Sequence[str], label: int, probabilities: Tensor) -> "CoveredClass":
        """Judge the probabilities of the covered images, `(N,K)`."""
        staying = accuracy(probabilities, label)
        low, high = staying.interval
        shares = (probabilities >= POSSIBLE).double().mean(0)
        others = [
            number for number in shares.argsort(descending=True).tolist() if number != label and shares[number] > 0
        ]
        possible = {classes[number]: float(shares[number]) for number in others}
        return CoveredClass(
            predictive=predictive,
            label=classes[label],
            images=staying.images,
            stays=staying.share,
            low=low,
            high=high,
            possible=possible,
        )


@dataclass(frozen=True)
class Detected:
    """A detection by one score says how well it tells strange images from test images.

    Attributes:
        predictive: the network, and how it predicts.
        unlike: name of the images that are strange.
        score: name of the score.
        found: how well they are told apart.
    """

    predictive: Predictive
    unlike: str
    score: str
    found: Detection


def detected_by_each_score(
    predictive: Predictive, unlike: str, own: PredictiveDistribution, strange: PredictiveDistribution
) -> list[Detected]:
    """Tell strange images from test images by each score; mutual information needs passes, which can disagree."""
    scores = {
        "1 - largest probability": (1 - own.confidence, 1 - strange.confidence),
        "entropy": (own.entropy, strange.entropy),
        "mutual information": (own.mutual_information, strange.mutual_information),
    }
    if predictive.passes is None:
        del scores["mutual information"]
    return [Detected(predictive, unlike, score, detection(*pair)) for score, pair in scores.items()]


@dataclass(frozen=True)
class Findings:
    """All findings of a study.

    Attributes:
        calibrated, covered, detected: a row each.
    """

    calibrated: Sequence[Calibrated]
    covered: Sequence[CoveredClass]
    detected: Sequence[Detected]
