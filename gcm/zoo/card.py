"""What is known of a trained network, written by the program that trained and measured it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from statistics import mean, stdev
from typing import Any

from gcm.data import ImageSpec

LOCAL = ("output=", "data.root=", "data.workers=", "resume=", "hydra.", "trainer.enable_progress_bar=")
"""Settings that belong to one machine or terminal."""


@dataclass(frozen=True)
class Test:
    """One seed's network on the test set.

    Attributes:
        seed: of the training.
        accuracy: share of the test images classified correctly; `low` and `high` are its 95 % interval.
        loss: mean cross-entropy.
        images: in the test set.
        training_seconds: how long it was trained, all parts of a resumed training up to their last checkpoints.
    """

    __test__ = False  # no test case, whatever pytest makes of the name

    seed: int
    accuracy: float
    low: float
    high: float
    loss: float
    images: int
    training_seconds: float


@dataclass(frozen=True)
class Card:
    """A trained network's card: where it comes from, and, if it was published, what was measured.

    Attributes:
        config: the whole config of its training, as composed.
        spec: the images it takes.
        seed: of its training.
        epochs, steps: how long it was trained; `training_seconds` in seconds.
        overrides: what was written on the command line.
        machine: where it was trained.
        versions: of Python and the libraries, by name.
        tests: on the test set: of these weights first, then of the same training from other seeds. Empty: not measured.
        train_images: how many it was trained on; 0: not measured.
        parameters, macs: learned numbers, and multiply-accumulates for the scores of one image; 0: not measured.
        complete: whether the network accounts for its scores itself and the account adds up (residual below 1e-4).
        signed: whether parts of that account are negative.
        completeness_residual: largest |score - account| over the test set, in units of the account's mean size (for
            GCM, mean |CCM|). None: the network gives no account.
        weights_sha256: of the weights (`weights_hash`).
        measured_on: machine and versions of the tests; empty: not measured.
    """

    config: Mapping[str, Any]
    spec: ImageSpec
    seed: int
    epochs: int
    steps: int
    training_seconds: float
    overrides: tuple[str, ...]
    machine: str
    versions: Mapping[str, str]
    weights_sha256: str
    tests: tuple[Test, ...] = ()
    train_images: int = 0
    parameters: int = 0
    macs: int = 0
    complete: bool = False
    signed: bool = False
    completeness_residual: float | None = None
    measured_on: str = ""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a card whose names could be paths or pictures, or that lacks its config's parts."""
        for part in (self.architecture, self.data):
            if not re.fullmatch(r"[A-Za-z0-9_-]+", part):
                raise ValueError(f"a name must consist of letters, digits, - and _; got {part!r}")
        for section in ("model", "data"):
            if not self.config.get(section):
                raise ValueError(f"its config has no section {section}")

    @property
    def name(self) -> str:
        """`gcm_cifar10`: model and data set by their config names."""
        return f"{self.architecture}_{self.data}"

    @property
    def architecture(self) -> str:
        return str(self.config["names"]["model"])

    @property
    def data(self) -> str:
        return str(self.config["names"]["data"])

    @property
    def command(self) -> str:
        """What trained it, without what is this machine's or this terminal's own."""
        return " ".join(["python train.py", *self.overrides_elsewhere])

    @property
    def overrides_elsewhere(self) -> tuple[str, ...]:
        return tuple(word for word in self.overrides if not word.startswith(LOCAL))

    @property
    def claim(self) -> Mapping[str, Any] | None:
        """What a paper says of this network: `accuracy` and `source`."""
        claim: Mapping[str, Any] | None = self.config.get("claim")
        return claim

    @property
    def mean_accuracy(self) -> float:
        """Over seeds."""
        return mean(test.accuracy for test in self.tests)

    @property
    def accuracy(self) -> str:
        """Mean ± standard deviation over seeds, or the one accuracy there is."""
        if not self.tests:
            return "not measured"
        values = [test.accuracy for test in self.tests]
        return f"{mean(values):.2%}" + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, for files."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            "spec": self.spec.to_dict(),
            "overrides": list(self.overrides),
            "tests": [vars(test) for test in self.tests],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Card":
        return cls(
            **{
                **plain,
                "spec": ImageSpec.from_dict(plain["spec"]),
                "overrides": tuple(plain["overrides"]),
                "tests": tuple(Test(**test) for test in plain.get("tests", ())),
            }
        )
