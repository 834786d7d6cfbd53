"""A card holds what is known of a trained network, written by the program that trained and measured it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from statistics import mean, stdev
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gcm.command import command_name
from gcm.data import ImageSpec
from gcm.error import InputError, listed, shortened
from gcm.types import Count, NonNegativeNumber, Seed, Share
from gcm.untrusted import ROOT_ANYWHERE, check_plain, printable

LOCAL = ("output=", "data.root=", "data.workers=", "resume=", "hydra.", "trainer.enable_progress_bar=")
"""Beginnings of settings that belong to one machine or terminal."""


@dataclass(frozen=True)
class Test:
    """One seed's network on the test set.

    Attributes:
        seed: seed of the training.
        accuracy: share of the test images classified correctly; `low` and `high` are its 95 % interval.
        loss: mean cross-entropy, in nats.
        images: number of images in the test set.
        training_seconds: seconds of training, all parts of a resumed training up to their last checkpoints.

    >>> import gcm
    >>> test = gcm.zoo.cards()["gcm_cifar10"].tests[0]
    >>> test.images, test.low < test.accuracy < test.high
    (10000, True)
    """

    __test__ = False  # no test case, whatever pytest makes of the name

    seed: Seed
    accuracy: Share
    low: Share
    high: Share
    loss: NonNegativeNumber
    images: Count
    training_seconds: NonNegativeNumber


@dataclass(frozen=True)
class Card:
    """A trained network's card says where it comes from, and, if it was published, what was measured.

    Attributes:
        config: the whole config of its training, as composed.
        spec: the images it takes.
        seed: seed of its training.
        epochs, steps: length of its training; `training_seconds` in seconds.
        overrides: the words of the command line.
        machine: the machine on which it was trained.
        versions: versions of Python and the libraries, by name.
        tests: results on the test set, those of these weights first, then of other seeds; empty: not measured.
        train_images: number of images it was trained on; 0: not measured.
        parameters, macs: learned numbers, and multiply-accumulates for the scores of one image; 0: not measured.
        complete: whether the network accounts for its scores itself and the account adds up (residual below 1e-4).
        signed: whether parts of that account are negative.
        completeness_residual: largest `|score - account|` over the test set, in units of the account's mean size (for
            GCM, mean `|CCM|`). None: the network gives no account.
        weights_sha256: hash of the weights (`weights_hash`).
        measured_on: machine and versions of the tests; empty: not measured.

    >>> import gcm
    >>> card = gcm.load("gcm_digits").card
    >>> card.name, card.data, card.parameters, card.complete, card.signed
    ('gcm_digits', 'digits', 161050, True, True)
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    config: Mapping[str, Any]
    spec: ImageSpec
    seed: Seed
    epochs: Count
    steps: Count
    training_seconds: NonNegativeNumber
    overrides: tuple[str, ...]
    machine: str
    versions: Mapping[str, str]
    weights_sha256: str
    tests: tuple[Test, ...] = ()
    train_images: Count = 0
    parameters: Count = 0
    macs: Annotated[int, Ge(0)] = 0
    complete: bool = False
    signed: bool = False
    completeness_residual: NonNegativeNumber | None = None
    measured_on: str = ""

    def __post_init__(self) -> None:
        """Raise `InputError` for a card whose names could be paths or pictures, or that lacks its config's parts."""
        for section in ("names", "model", "data"):
            if not isinstance(self.config.get(section), Mapping):
                raise InputError(f"its config has no section {section}")
        if self.claim is not None and not is_claim(self.claim):
            raise InputError("its config's claim must be an accuracy and its source")
        for part in (self.architecture, self.data):
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", part):
                raise InputError(f"a name must consist of letters, digits, - and _; got {shortened(repr(part))}")

    @property
    def name(self) -> str:
        """The config names of model and data set, as in `gcm_cifar10`."""
        return f"{self.architecture}_{self.data}"

    @property
    def architecture(self) -> str:
        return str(self.config["names"].get("model", ""))

    @property
    def data(self) -> str:
        return str(self.config["names"].get("data", ""))

    @property
    def command(self) -> str:
        """The command that trained it, without words that belong to this machine or terminal."""
        return " ".join([command_name(), *self.overrides_elsewhere])

    @property
    def overrides_elsewhere(self) -> tuple[str, ...]:
        return tuple(word for word in self.overrides if not word.startswith(LOCAL))

    @property
    def config_elsewhere(self) -> dict[str, Any]:
        return {
            **self.config,
            "output": None,
            "resume": None,
            "data": {**self.config["data"], "root": ROOT_ANYWHERE},
        }

    def anywhere(self) -> "Card":
        """Return the same card without paths, machines and what was typed."""
        return replace(self, config=self.config_elsewhere, overrides=(), machine="", measured_on="")

    @property
    def claim(self) -> Mapping[str, Any] | None:
        """A paper's claim for this network: `accuracy` and `source`; None: there is none."""
        claim: Mapping[str, Any] | None = self.config.get("claim")
        return claim

    @property
    def mean_accuracy(self) -> float:
        """The mean accuracy over seeds."""
        return mean(test.accuracy for test in self.tests)

    @property
    def accuracy(self) -> str:
        """The mean ± standard deviation over seeds, or the one accuracy there is, as text."""
        if not self.tests:
            return "not measured"
        values = [test.accuracy for test in self.tests]
        return f"{mean(values):.2%}" + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values only, for files."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            "spec": self.spec.to_dict(),
            "overrides": list(self.overrides),
            "tests": [vars(test) for test in self.tests],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Card":
        """Return the card that `to_dict` gave.

        Raises `InputError` for values that are not exactly a card, as a stranger may have written it.
        """
        check_plain(fields, "its card")
        return cls.from_json(json.dumps(fields))

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Return the card in a text of JSON; raises `InputError` as `from_dict` does."""
        try:
            card = card_type().validate_json(text, strict=True)
        except ValidationError as error:
            places = dict.fromkeys(".".join(map(str, detail["loc"])) or detail["msg"] for detail in error.errors())
            raise InputError(f"its card is wrong or incomplete in {printable(listed(list(places)[:5]))}") from None
        check_plain(card.to_dict(), "its card")
        return card


def is_claim(claim: Any) -> bool:
    return (
        isinstance(claim, Mapping)
        and isinstance(claim.get("accuracy"), int | float)
        and isinstance(claim.get("source"), str)
    )


@cache
def card_type() -> TypeAdapter[Card]:
    return TypeAdapter(Card)
