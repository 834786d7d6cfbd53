"""A report is made from evidence: networks and data that are here, reasons for what is not, and measures taken once."""

import csv
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from gcm.data import ImageData, Split, as_pixels
from gcm.metric import DeclineRatio
from gcm.model import Classifier
from gcm.progress import SILENT, Progress
from gcm.rendering import Rendering
from gcm.study.accuracy.predictions import are_right, split_logits
from gcm.visualizer import Visualizer
from gcm.zoo import Card, SavedNetwork, cards
from gcm.zoo.catalogue import DIRECTORY

RESULTS = DIRECTORY.parent / "results"
NONE_RIGHT = "no test image that it classifies correctly, or all of several networks do"


NOT_TRAINED = dict.fromkeys(("gcm_svhn", "gcm_fashion_mnist"), "not trained, the data could not be reached")
"""Reasons why a reference network has no weights, where more is known than that there are none."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Lack:
    """A lack says what is not here, such as a network or a data set, and why; `what` is empty where the reason says it
    all.
    """

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}" if self.what else self.reason


def why_absent(name: str) -> str:
    """Return why a network is not reported on."""
    return "not in weights=" if name in cards() else NOT_TRAINED.get(name, "no trained network")


@dataclass
class Evidence:
    """Evidence holds what a report is made from; it knows no study, but keeps what was measured.

    Attributes:
        networks: those to report on, by name.
        data: the data sets found, by name.
        missing: reasons why data sets were not found, by name.
        visualizers, renderings: those of the decline-ratio tables, by name.
        new_metric: gives an empty decline-ratio metric.
        directory: where figures and result files go.
        device: where networks run.
        results: directory of the result files of long sweeps, `<name>.csv`.
        claimed: accuracies that papers give, by the names of networks, also of those that are not here.
        progress: shows how measuring goes.
    """

    networks: Mapping[str, SavedNetwork]
    data: Mapping[str, ImageData]
    missing: Mapping[str, str]
    visualizers: Mapping[str, Visualizer]
    renderings: Mapping[str, Rendering]
    new_metric: Callable[[], DeclineRatio]
    directory: Path
    device: torch.device
    results: Path = RESULTS
    claimed: Mapping[str, float] = field(default_factory=dict)
    progress: Progress = SILENT
    _measured: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, measure: Callable[[], Value]) -> Value:
        """Return what was measured under a key; measure it at the first time, whoever asks for it later."""
        if key not in self._measured:
            self._measured[key] = measure()
        value: Value = self._measured[key]
        return value

    def lacks(self, *names: str) -> Lack | None:
        """Return the first of those things that must be here before something can be said of these networks, and are
        not.
        """
        for name in names:
            if name not in self.networks:
                return Lack(name, why_absent(name))
            data = self.card(name).data
            if data not in self.data:
                return Lack(data, self.missing[data])
        return None

    def weights(self, *names: str) -> str:
        """Return what `weights=` must be for these networks, on a command line."""
        values = [name if is_in_package(self.networks[name]) else str(self.networks[name].path) for name in names]
        return values[0] if len(values) == 1 else f"[{','.join(values)}]"

    def card(self, name: str) -> Card:
        return self.networks[name].card

    def network(self, name: str) -> Classifier:
        return self.once(("network", name), lambda: self.networks[name].network().to(self.device))

    def test_split(self, name: str) -> Split:
        return self.data[self.card(name).data].test

    def result(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a result file; none where there is no such file."""
        path = self.results / f"{name}.csv"
        if not path.is_file():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def train_split(self, name: str) -> Split:
        return self.data[self.card(name).data].train

    def logits(self, name: str) -> Tensor:
        """Return the logits of the whole test set, `(N,K)`."""
        progress = self.progress.of(name)
        return self.once(
            ("logits", name), lambda: split_logits(self.network(name), self.test_split(name), progress=progress)
        )

    def right(self, name: str) -> Tensor:
        """Return which test images the network classifies correctly, `(N,)`."""
        return are_right(self.logits(name), self.test_split(name).labels)

    def pixels(self, name: str, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return test images as float in [0,1] where the networks run, and their labels."""
        images, labels = self.test_split(name)[indices]
        return as_pixels(images, self.device), labels


def is_in_package(saved: SavedNetwork) -> bool:
    return saved.path.parent == DIRECTORY
