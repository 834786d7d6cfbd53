"""What a report is made from: networks and data that are here, reasons for what is not, and measures taken once."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from gcm.data import ImageData, Split, as_pixels
from gcm.metric import DeclineRatio
from gcm.model import Classifier
from gcm.progress import SILENT, Progress
from gcm.rendering import Rendering
from gcm.report.selection import first_right_of_each_class
from gcm.study.accuracy.predictions import are_right, split_logits
from gcm.study.decline_ratio.numbers import DeclineRatioCell, decline_ratio_cells, own_visualizers
from gcm.study.filter_contribution.numbers import FilterContributions, filter_contributions
from gcm.study.noise_mask.trial import FoundMasks, TrialSettings, found_masks
from gcm.visualizer import Visualizer
from gcm.visualizer.noise_mask_search import NoiseMaskSettings
from gcm.zoo import Card, SavedNetwork, cards
from gcm.zoo.catalogue import DIRECTORY

RESULTS = DIRECTORY.parent / "results"
NONE_RIGHT = "no test image that it classifies correctly, or all of several networks do"


@dataclass(frozen=True)
class Planned:
    """A network of the zoo: the paper's accuracy, and why there would be none of ours."""

    paper: str = ""
    reason: str = "no trained network"


PLANNED = {
    "gcm_cifar10": Planned("90.43%"),
    "gcm_clipped_cifar10": Planned("89.91%"),
    "cnn_cifar10": Planned("as GCM"),
    "gcm_svhn": Planned("96.19%", "not trained, the data could not be reached"),
    "gcm_mnist": Planned(),
    "cnn_mnist": Planned(),
    "tiny_lenet_mnist": Planned("98 % or more"),
    "lenet_mnist": Planned(),
    "cnn3_mnist": Planned(),
    "lab_cnn_mnist": Planned(),
    "mc_dropout_cnn_mnist": Planned(),
    "bayesian_cnn_mnist": Planned(),
    "gcm_fashion_mnist": Planned("", "not trained, the data could not be reached"),
    "gcm_planted": Planned(),
    "cnn_planted": Planned(),
    "gcm_digits": Planned(),
    "cnn_digits": Planned(),
    "tiny_lenet_digits": Planned(),
}
"""The reference networks, in the order of the tables."""


@dataclass(frozen=True)
class Lack:
    """What is not here, such as a network or a data set, and why; `what` is empty where the reason says it all."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}" if self.what else self.reason


def why_absent(name: str) -> str:
    """Why a network is not reported on."""
    return "not in weights=" if name in cards() else PLANNED.get(name, Planned()).reason


@dataclass
class Evidence:
    """Attributes:
    networks: those to report on, by name.
    data: the data sets found, by name.
    missing: for each data set that was not found, why.
    visualizers, renderings: of the decline-ratio tables, by name.
    new_metric: gives an empty decline-ratio metric.
    directory: where figures and result files go.
    device: where networks run.
    results: directory of the result files of long sweeps, `<name>.csv`.
    noise_mask: how noise masks are found, but for the threshold of the logits.
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
    noise_mask: NoiseMaskSettings = field(default_factory=NoiseMaskSettings)
    progress: Progress = SILENT
    _built: dict[str, Classifier] = field(default_factory=dict)
    _logits: dict[str, Tensor] = field(default_factory=dict)
    _cells: dict[str, list[DeclineRatioCell]] = field(default_factory=dict)
    _noise_masks: dict[tuple[str, float | None], FoundMasks] = field(default_factory=dict)
    _filters: dict[str, FilterContributions] = field(default_factory=dict)

    def lacks(self, *names: str) -> Lack | None:
        """What must be here before something can be said of these networks: the first that is not."""
        for name in names:
            if name not in self.networks:
                return Lack(name, why_absent(name))
            data = self.card(name).data
            if data not in self.data:
                return Lack(data, self.missing[data])
        return None

    def weights(self, *names: str) -> str:
        """What `weights=` must be for these networks, on a command line."""
        values = [name if is_in_package(self.networks[name]) else str(self.networks[name].path) for name in names]
        return values[0] if len(values) == 1 else f"[{','.join(values)}]"

    def card(self, name: str) -> Card:
        return self.networks[name].card

    def network(self, name: str) -> Classifier:
        if name not in self._built:
            self._built[name] = self.networks[name].network().to(self.device)
        return self._built[name]

    def test_split(self, name: str) -> Split:
        return self.data[self.card(name).data].test

    def result(self, name: str) -> list[dict[str, str]]:
        """The rows of a result file; none where there is no such file."""
        path = self.results / f"{name}.csv"
        if not path.is_file():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def train_split(self, name: str) -> Split:
        return self.data[self.card(name).data].train

    def filter_contributions(self, name: str) -> FilterContributions:
        """For the first 1,000 training images of each class, or as many as every class has."""
        if name not in self._filters:
            self._filters[name] = filter_contributions(
                name, self.network(name), self.train_split(name), None, progress=self.progress
            )
        return self._filters[name]

    def logits(self, name: str) -> Tensor:
        """Of the whole test set, `(N,K)`."""
        if name not in self._logits:
            self._logits[name] = split_logits(
                self.network(name), self.test_split(name), progress=self.progress.of(name)
            )
        return self._logits[name]

    def right(self, name: str) -> Tensor:
        """Which test images the network classifies correctly, `(N,)`."""
        return are_right(self.logits(name), self.test_split(name).labels)

    def cells(self, name: str) -> list[DeclineRatioCell]:
        """Decline ratios of every visualizer and rendering on the whole test set."""
        if name not in self._cells:
            network = self.network(name)
            visualizers = own_visualizers(network, self.visualizers)
            self._cells[name] = decline_ratio_cells(
                name,
                network,
                visualizers,
                self.renderings,
                self.new_metric,
                self.test_split(name),
                batch_size=128,
                progress=self.progress,
            )
        return self._cells[name]

    def noise_mask_images(self, name: str) -> Tensor:
        """Places of the first ten test images of each class that the network classifies correctly."""
        labels = self.test_split(name).labels
        return first_right_of_each_class(self.right(name), labels, len(self.card(name).spec.classes), 10)

    def noise_masks(self, name: str, output_threshold: float | None) -> FoundMasks:
        """Of those images, all activations masked, and the logits up to a threshold."""
        key = (name, output_threshold)
        if key not in self._noise_masks:
            thresholds = replace(self.noise_mask.thresholds, output=output_threshold)
            settings = replace(self.noise_mask, thresholds=thresholds)
            images, _ = self.pixels(name, self.noise_mask_images(name))
            self._noise_masks[key] = found_masks(self.network(name), images, settings, TrialSettings())
        return self._noise_masks[key]

    def pixels(self, name: str, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Test images as float in [0,1] where the networks run, and their labels."""
        images, labels = self.test_split(name)[indices]
        return as_pixels(images, self.device), labels


def is_in_package(saved: SavedNetwork) -> bool:
    return saved.path.parent == DIRECTORY
