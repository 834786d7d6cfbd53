"""What the papers claim, what was measured, and whether it holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gcm.file import markdown_table, write_csv
from gcm.model import Classifier, Interpretable
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, percent
from gcm.study.contribution_mass import Mass, contribution_mass
from gcm.study.predictions import accuracy_difference
from gcm.study.speed import time_ratio

SUPPORTED, CONTRADICTED, NOT_TESTABLE = "supported", "contradicted", "not testable here"
GCM_NAME, CLIPPED, CNN_NAME = "gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10"
PAPERS_METHODS = ("guided_backprop", "guided_grad_cam", "cam", "grad_cam", "gcm")
MARGIN = 0.01
"""The loss of accuracy that still counts as none."""


@dataclass(frozen=True)
class Claim:
    """Attributes:
    claim: what a paper says.
    source: which paper, which section.
    measured: our numbers.
    verdict: `SUPPORTED`, `CONTRADICTED` or `NOT_TESTABLE`.
    """

    claim: str
    source: str
    measured: str
    verdict: str


@dataclass(frozen=True)
class Tested:
    """A claim that can be tested: what it needs, and how it is measured.

    Attributes:
        claim, source: as in `Claim`.
        needs: names of the networks.
        measure: gives what was measured, and whether the claim holds.
    """

    claim: str
    source: str
    needs: Sequence[str]
    measure: Callable[[Evidence], tuple[str, bool]]

    def judged(self, evidence: Evidence) -> Claim:
        reason = evidence.lacks(*self.needs)
        if reason:
            return Claim(self.claim, self.source, reason, NOT_TESTABLE)
        measured, holds = self.measure(evidence)
        return Claim(self.claim, self.source, measured, SUPPORTED if holds else CONTRADICTED)


def paper_claims(evidence: Evidence) -> Section:
    claims = [tested.judged(evidence) for tested in CLAIMS]
    rows: list[dict[str, Any]] = [vars(claim) for claim in claims]
    write_csv(evidence.directory / "claims.csv", rows)
    missing = [f"claim “{claim.claim}”: {claim.measured}" for claim in claims if claim.verdict == NOT_TESTABLE]
    body = (
        "Accuracies on the whole test sets; differences are paired, with their 95 % interval. “No loss” means at "
        f"most {100 * MARGIN:.0f} point. “Best” is the smallest decline ratio among the paper's five methods; cells "
        "that hold by construction count, and are named.\n\n" + markdown_table(rows)
    )
    return Section("The papers' claims", body, tuple(missing), key="claims", summary=markdown_table(rows))


def reaches(name: str) -> Callable[[Evidence], tuple[str, bool]]:
    def measure(evidence: Evidence) -> tuple[str, bool]:
        card = evidence.card(name)
        assert card.claim is not None
        first = card.tests[0]
        measured = (
            f"{card.accuracy} ({len(card.tests)} seeds); first seed {percent(first.low)} to {percent(first.high)}"
        )
        return measured, first.accuracy >= card.claim["accuracy"]

    return measure


def no_loss_against_cnn(evidence: Evidence) -> tuple[str, bool]:
    difference = accuracy_difference(evidence.right(GCM_NAME), evidence.right(CNN_NAME))
    sizes = [evidence.card(name).parameters for name in (GCM_NAME, CNN_NAME)]
    measured = (
        f"GCM {percent(evidence.card(GCM_NAME).tests[0].accuracy)} with {sizes[0]:,} parameters, CNN "
        f"{percent(evidence.card(CNN_NAME).tests[0].accuracy)} with {sizes[1]:,}: {points(difference)}"
    )
    return measured, difference.value >= -MARGIN


def clipping_costs_accuracy(evidence: Evidence) -> tuple[str, bool]:
    difference = accuracy_difference(evidence.right(GCM_NAME), evidence.right(CLIPPED))
    return f"GCM less clipped: {points(difference)}", difference.low > 0


def points(difference: Any) -> str:
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.2f} points [{low:+.2f}, {high:+.2f}]"


def slightly_slower(evidence: Evidence) -> tuple[str, bool]:
    pixels, _ = evidence.pixels(GCM_NAME, torch.arange(128))

    def forward(network: Classifier) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode():
                return network(pixels)

        return run

    ratio = time_ratio(forward(evidence.network(GCM_NAME)), forward(evidence.network(CNN_NAME)))
    macs = evidence.card(GCM_NAME).macs / evidence.card(CNN_NAME).macs
    measured = (
        f"forward pass of 128 images, GCM / CNN: median {ratio.median:.2f} of {ratio.rounds} rounds "
        f"({ratio.low:.2f} to {ratio.high:.2f}), {evidence.device.type}; {macs:.2f} times the multiply-accumulates"
    )
    return measured, ratio.median > 1


def best_in(rendering: str, method: str) -> Callable[[Evidence], tuple[str, bool]]:
    def measure(evidence: Evidence) -> tuple[str, bool]:
        cells = [
            cell
            for name in (GCM_NAME, CNN_NAME)
            for cell in evidence.cells(name)
            if cell.rendering == rendering and cell.visualizer in PAPERS_METHODS and cell.decline
        ]
        ranked = sorted(cells, key=lambda cell: cell.decline.ratio if cell.decline else 0.0)
        measured = ", ".join(
            f"{cell.visualizer} {cell.decline.ratio:.4f}{'*' if cell.by_construction else ''}"
            for cell in ranked
            if cell.decline
        )
        built_in = "; * holds by construction" if any(cell.by_construction for cell in cells) else ""
        return measured + built_in, ranked[0].visualizer == method

    return measure


def clipping_strengthens_wrong_classes(evidence: Evidence) -> tuple[str, bool]:
    masses = {name: own_mass(evidence, name) for name in (GCM_NAME, CLIPPED)}
    signed, clipped = masses[GCM_NAME], masses[CLIPPED]
    measured = "; ".join(
        f"{name}: positive part of a wrong class's map {mass.wrong_positive:.2f} against {mass.true_positive:.2f} of "
        f"the true one ({mass.positive_ratio:.0%}), |map| {mass.wrong_absolute:.2f} against "
        f"{mass.true_absolute:.2f} ({mass.absolute_ratio:.0%})"
        for name, mass in masses.items()
    )
    return measured + " (positive parts decide)", clipped.positive_ratio > signed.positive_ratio


def own_mass(evidence: Evidence, name: str) -> Mass:
    network = evidence.network(name)
    assert isinstance(network, Interpretable)
    return contribution_mass(name, network, evidence.test_split(name))


def tiny_is_a_fifth(evidence: Evidence) -> tuple[str, bool]:
    tiny, large = (evidence.card(name) for name in ("tiny_lenet_mnist", "lenet_mnist"))
    share = tiny.parameters / large.parameters
    measured = (
        f"{tiny.parameters:,} of {large.parameters:,} parameters ({share:.0%}); test accuracy {tiny.accuracy} "
        f"against {large.accuracy}"
    )
    return measured, tiny.tests[0].accuracy >= 0.98 and share <= 0.2


CLAIMS = (
    Tested("GCM reaches 90.43 % on CIFAR-10", "GCM, 4.2", (GCM_NAME,), reaches(GCM_NAME)),
    Tested("the clipped GCM reaches 89.91 % on CIFAR-10", "GCM, 4.3", (CLIPPED,), reaches(CLIPPED)),
    Tested("GCM reaches 96.19 % on SVHN", "GCM, 4.5", ("gcm_svhn",), reaches("gcm_svhn")),
    Tested("no loss of accuracy against a CNN of equal size", "GCM, 5 (3)", (GCM_NAME, CNN_NAME), no_loss_against_cnn),
    Tested("GCM is slightly slower than the CNN", "GCM, 5 (3)", (GCM_NAME, CNN_NAME), slightly_slower),
    Tested("GCM has the best decline ratio in raw", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("raw", "gcm")),
    Tested("… in absolute", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("absolute", "gcm")),
    Tested("… in product", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("product", "gcm")),
    Tested(
        "guided Grad-CAM has the best in blend", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("blend", "guided_grad_cam")
    ),
    Tested("clipping costs accuracy", "GCM, 4.3", (GCM_NAME, CLIPPED), clipping_costs_accuracy),
    Tested(
        "clipping makes the maps of wrong classes respond more strongly",
        "GCM, 5 (2)",
        (GCM_NAME, CLIPPED),
        clipping_strengthens_wrong_classes,
    ),
    Tested(
        "three filters a layer reach 98 % on MNIST with a fifth of LeNet's parameters",
        "filter contributions, 2",
        ("tiny_lenet_mnist", "lenet_mnist"),
        tiny_is_a_fifth,
    ),
)
