"""`task=uncertainty`: what networks know that they do not know."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.console import BARS, say, show_table
from gcm.cli.declaration import task
from gcm.cli.device import device_of
from gcm.cli.named_networks import distinct_names, named_data, named_networks, with_first
from gcm.cli.run_directory import run_directory
from gcm.data import ImageData, as_pixels, class_index, unlike
from gcm.error import DataNotFoundError, InputError, listed
from gcm.model import StochasticClassifier
from gcm.study.accuracy.predictions import are_right
from gcm.study.uncertainty.figure import Spread, draw_detection, draw_reliability, draw_spreads
from gcm.study.uncertainty.findings import Calibrated, CoveredClass, Detected, Findings, detected_by_each_score
from gcm.study.uncertainty.numbers import Cover, calibration
from gcm.study.uncertainty.predictive import Predictive
from gcm.study.uncertainty.table import narrow_tables, write_uncertainty
from gcm.types import Count, PositiveCount


@task(
    help="what networks know that they do not know: weights=[mc_dropout_cnn_mnist,lab_cnn_mnist]",
    reads=("weights",),
)
def uncertainty(
    config: DictConfig,
    cover: tuple[Count, Count, PositiveCount, PositiveCount],
    classes: list[int | str],
    passes: PositiveCount = 50,
    images: PositiveCount | None = None,
) -> None:
    """Ask each network in `weights=` once, and the stochastic ones in `passes` passes; on the first `images` or all."""
    predictives = ways_to_predict(config, passes)
    networks = named_networks(config)
    data = with_first(named_data(config, networks), images)
    hidden, wanted = Cover(*cover), wanted_classes(data, classes)
    hidden.on(data.test[torch.arange(1)][0])
    strange, missing = unlike_images(data)
    with run_directory(config, *networks) as directory:
        study = Study(predictives, data, hidden, wanted)
        findings = study.findings(strange)
        study.draw(findings, directory)
        write_uncertainty(findings, missing, directory)
        for title, rows in narrow_tables(findings).items():
            show_table(title, rows)
    for line in missing:
        say(line)
    say(f"figures: {listed(sorted(directory.glob('*.png')))}")
    say(f"tables: {directory}/uncertainty.md, and calibration.csv, covered.csv, unlike.csv beside it")
    say("next: cover another part of the images, cover=[16,4,10,20] (first row, first column, height, width)")


def wanted_classes(data: ImageData, named: Sequence[int | str]) -> list[int]:
    """Return those classes that have test images, by number."""
    there = set(data.test.labels.tolist())
    wanted = [class_index(data.class_names(), name) for name in named]
    if not wanted or len(set(wanted)) < len(wanted) or not there.issuperset(wanted):
        raise InputError(f"task.classes must name different classes that have test images, got {listed(named)}")
    return wanted


def ways_to_predict(config: DictConfig, passes: int) -> list[Predictive]:
    """Return each network once as it is, and the stochastic ones in passes, too."""
    saved = named_networks(config)
    found = []
    for name, each in zip(distinct_names(saved), saved, strict=True):
        network = each.network().to(device_of(config))
        ways = (None, passes) if isinstance(network, StochasticClassifier) else (None,)
        found += [Predictive(name, each.card.weights_sha256, network, way, config.seed) for way in ways]
    if all(each.passes is None for each in found):
        raise InputError("none of the networks in weights= is stochastic; name one that is, as mc_dropout_cnn_mnist")
    return found


def unlike_images(data: ImageData) -> tuple[dict[str, Tensor], list[str]]:
    """Return the images of `data.unlike` by name, and for those that are not there the reason."""
    names = (data.unlike,) if isinstance(data.unlike, str) else data.unlike
    found: dict[str, Tensor] = {}
    missing = []
    for name in names:
        try:
            found |= unlike(data, name)
        except DataNotFoundError as error:
            missing.append(f"left out: {error}")
    return found, missing


class Study:
    """Networks' predictions for test images, whole and covered.

    Attributes:
        predictives: the networks, and how each predicts.
        classes: their names.
        wanted: classes that are looked at closely.
        images, covered: `(N,C,H,W)` uint8; labels `(N,)`.
    """

    def __init__(self, predictives: Sequence[Predictive], data: ImageData, cover: Cover, wanted: Sequence[int]) -> None:
        self.predictives, self.data, self.wanted = predictives, data, wanted
        self.classes = data.class_names()
        self.images, self.labels = data.test[torch.arange(len(data.test))]
        self.covered = cover.on(self.images)
        self.right = torch.zeros_like(self.labels)

    def findings(self, strange: Mapping[str, Tensor]) -> Findings:
        """Return all findings; `strange`: images unlike the data's, by name."""
        calibrated: list[Calibrated] = []
        covered: list[CoveredClass] = []
        detected: list[Detected] = []
        for each in self.predictives:
            whole, hidden = each.on(self.images, "test images", BARS), each.on(self.covered, "covered", BARS)
            right = are_right(whole.probabilities, self.labels)
            self.right += right
            for what, found in (("test images", whole), ("covered test images", hidden)):
                calibrated.append(Calibrated(each, what, calibration(found, self.labels)))
            for label in self.wanted:
                of_class = hidden.probabilities[right & (self.labels == label)]
                if len(of_class):
                    covered.append(CoveredClass.of(each, self.classes, label, of_class))
            for name, images in strange.items():
                detected += detected_by_each_score(each, name, whole, each.on(images, name, BARS))
        return Findings(calibrated, covered, detected)

    def draw(self, findings: Findings, directory: Path) -> None:
        places = self.shown()
        for each in self.predictives:
            if each.passes:
                title = (
                    f"{each.name}: every class's probability in {each.passes} passes; test images "
                    f"{listed(places.tolist())}, whole and covered"
                )
                path = directory / f"{re.sub('[^A-Za-z0-9_.-]+', '_', each.name)}_covered.png"
                draw_spreads(self.spreads(each, places), self.classes, title, path)
        draw_reliability(findings.calibrated, f"Calibration, {self.data.name}", directory / "reliability.png")
        if findings.detected:
            draw_detection(findings.detected, f"Telling images unlike {self.data.name} apart", directory / "unlike.png")

    def shown(self) -> Tensor:
        """Return of each wanted class the test image that most networks get right, the first of them."""
        chances = [self.right.masked_fill(self.labels != label, -1) for label in self.wanted]
        return torch.stack([chance.argmax() for chance in chances])

    def spreads(self, each: Predictive, places: Tensor) -> list[Spread]:
        """Return the spreads of each image, whole and then covered."""
        pairs = as_pixels(torch.stack([self.images[places], self.covered[places]], 1).flatten(0, 1), each.device)
        drawn = each.passes_on(pairs).cpu()  # (T,2N,K)
        labels = [self.classes[label] for label in self.labels[places].repeat_interleave(2)]
        return [
            Spread(image, label, drawn[:, row])
            for row, (image, label) in enumerate(zip(pairs.cpu(), labels, strict=True))
        ]
