"""What the papers claim, what was measured, and whether it holds."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from typing import Any

import torch

from gcm.error import listed
from gcm.file import markdown_table, write_csv
from gcm.model import Interpretable
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, percent
from gcm.report.section.fewest_filters import CLAIMED, NOT_RUN, RESULT, accuracies
from gcm.study.contribution_mass import Mass, contribution_mass
from gcm.study.filter_contribution import share_of_samples_that_differ
from gcm.study.predictions import Difference, accuracy_difference
from gcm.study.speed import time_ratio

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE = "supported", "contradicted", "inconclusive", "not testable here"
GCM_NAME, CLIPPED, CNN_NAME = "gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10"
PAPERS_METHODS = ("guided_backprop", "guided_grad_cam", "cam", "grad_cam", "grad_cam_rectified", "gcm")
TINY = "tiny_lenet_mnist"
CONFIDENCE = 0.95
NO_LOSS = 0.01
"""The largest loss of accuracy that still counts as none."""
EQUAL_SIZE = 0.03
"""The largest difference in parameters between networks of equal size."""
SLIGHTLY = 2.0
"""The largest ratio of times that still is slightly slower."""

Finding = tuple[str, str]
"""What was measured, and the verdict."""


@dataclass(frozen=True)
class Claim:
    """Attributes:
    claim: what a paper says.
    source: which paper, which section.
    measured: our numbers.
    verdict: one of the four.
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
        measure: measures and judges.
    """

    claim: str
    source: str
    needs: Sequence[str]
    measure: Callable[[Evidence], Finding]

    def judged(self, evidence: Evidence) -> Claim:
        reason = evidence.lacks(*self.needs)
        measured, verdict = (reason, NOT_TESTABLE) if reason else self.measure(evidence)
        return Claim(self.claim, self.source, measured, verdict)


def paper_claims(evidence: Evidence) -> Section:
    claims = [tested.judged(evidence) for tested in CLAIMS]
    rows: list[dict[str, Any]] = [vars(claim) for claim in claims]
    write_csv(evidence.directory / "claims.csv", rows)
    missing = [f"claim “{claim.claim}”: {claim.measured}" for claim in claims if claim.verdict == NOT_TESTABLE]
    body = (
        "On the whole test sets, with 95 % intervals; differences are paired. A verdict is “inconclusive” where the "
        f"interval allows both. “No loss”: at most {100 * NO_LOSS:.0f} point; “equal size”: within "
        f"{100 * EQUAL_SIZE:.0f} % of the parameters; “slightly slower”: at most {SLIGHTLY:.0f} times; “best”: the "
        "smallest decline ratio among the paper's five methods (Grad-CAM signed and rectified). Starred numbers hold "
        "by construction.\n\n" + markdown_table(rows)
    )
    return Section("The papers' claims", body, tuple(missing), key="claims", summary=markdown_table(rows))


def verdict(low: float, high: float, least: float = 0.0) -> str:
    """On the claim that a number is at least `least`, from the number's interval."""
    if low >= least:
        return SUPPORTED
    return CONTRADICTED if high < least else INCONCLUSIVE


def reaches(name: str) -> Callable[[Evidence], Finding]:
    def measure(evidence: Evidence) -> Finding:
        card = evidence.card(name)
        if card.claim is None:
            return f"{name}: its training states no claim", NOT_TESTABLE
        first = card.tests[0]
        measured = f"{card.accuracy}, seeds: {len(card.tests)}; first seed {percent(first.accuracy)}, "
        measured += f"{percent(first.low)} to {percent(first.high)}"
        claimed = card.claim["accuracy"]
        if card.mean_accuracy >= claimed:
            return measured, SUPPORTED
        return measured, INCONCLUSIVE if first.high >= claimed else CONTRADICTED

    return measure


def no_loss_against_cnn(evidence: Evidence) -> Finding:
    difference = accuracy_difference(evidence.right(GCM_NAME), evidence.right(CNN_NAME))
    sizes = [evidence.card(name).parameters for name in (GCM_NAME, CNN_NAME)]
    measured = (
        f"GCM {percent(evidence.card(GCM_NAME).tests[0].accuracy)} with {sizes[0]:,} parameters, CNN "
        f"{percent(evidence.card(CNN_NAME).tests[0].accuracy)} with {sizes[1]:,}: {points(difference)}"
    )
    if abs(sizes[0] / sizes[1] - 1) > EQUAL_SIZE:
        return f"{measured}; the sizes differ too much", NOT_TESTABLE
    return measured, verdict(difference.low, difference.high, least=-NO_LOSS)


def clipping_costs_accuracy(evidence: Evidence) -> Finding:
    difference = accuracy_difference(evidence.right(GCM_NAME), evidence.right(CLIPPED))
    return f"GCM less clipped: {points(difference)}", verdict(difference.low, difference.high)


def points(difference: Difference) -> str:
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.2f} points [{low:+.2f}, {high:+.2f}]"


def slightly_slower(evidence: Evidence) -> Finding:
    pixels, _ = evidence.pixels(GCM_NAME, torch.arange(128))
    networks = [evidence.network(name) for name in (GCM_NAME, CNN_NAME)]
    gcm_forward, cnn_forward = (partial(torch.inference_mode()(network.forward), pixels) for network in networks)
    ratio = time_ratio(gcm_forward, cnn_forward)
    macs = evidence.card(GCM_NAME).macs / evidence.card(CNN_NAME).macs
    measured = (
        f"forward pass of 128 images, GCM / CNN: median {ratio.median:.2f} of {ratio.rounds} rounds "
        f"({ratio.low:.2f} to {ratio.high:.2f}), {evidence.device.type}; {macs:.2f} times the multiply-accumulates"
    )
    not_much = verdict(-ratio.high, -ratio.low, least=-SLIGHTLY)
    slower = verdict(ratio.low, ratio.high, least=1.0)
    return measured, slower if not_much == SUPPORTED else not_much


def best_in(rendering: str, method: str) -> Callable[[Evidence], Finding]:
    def measure(evidence: Evidence) -> Finding:
        declines = {
            (cell.visualizer, "*" if cell.by_construction else ""): cell.decline
            for name in (GCM_NAME, CNN_NAME)
            for cell in evidence.cells(name)
            if cell.rendering == rendering and cell.visualizer in PAPERS_METHODS and cell.decline
        }
        absent = set(PAPERS_METHODS) - {visualizer for visualizer, _ in declines}
        if absent:
            return f"{rendering} was not measured for {listed(sorted(absent))}", NOT_TESTABLE
        ranked = sorted(declines.items(), key=lambda pair: pair[1].ratio)
        measured = ", ".join(f"{visualizer} {decline.ratio:.4f}{star}" for (visualizer, star), decline in ranked)
        own = next(decline for (visualizer, _), decline in ranked if visualizer == method)
        rivals = [decline for (visualizer, _), decline in ranked if visualizer != method]
        if all(own.high < rival.low for rival in rivals):
            return measured, SUPPORTED
        return measured, CONTRADICTED if any(rival.high < own.low for rival in rivals) else INCONCLUSIVE

    return measure


def clipping_strengthens_wrong_classes(evidence: Evidence) -> Finding:
    masses = {name: own_mass(evidence, name) for name in (GCM_NAME, CLIPPED)}
    measured = "; ".join(
        f"{name}: positive part of a wrong class's map {mass.wrong_positive:.2f} against {mass.true_positive:.2f} of "
        f"the true one ({mass.positive_ratio:.0%}), |map| {mass.wrong_absolute:.2f} against "
        f"{mass.true_absolute:.2f} ({mass.absolute_ratio:.0%})"
        for name, mass in masses.items()
    )
    signed, clipped = masses[GCM_NAME].positive_ratio, masses[CLIPPED].positive_ratio
    if isnan(signed) or isnan(clipped):
        return measured, INCONCLUSIVE
    return f"{measured}; the positive parts decide", SUPPORTED if clipped > signed else CONTRADICTED


def own_mass(evidence: Evidence, name: str) -> Mass:
    network = evidence.network(name)
    assert isinstance(network, Interpretable)
    return contribution_mass(name, network, evidence.test_split(name))


def tiny_is_a_fifth(evidence: Evidence) -> Finding:
    tiny, large = (evidence.card(name) for name in (TINY, "lenet_mnist"))
    share = tiny.parameters / large.parameters
    measured = (
        f"{tiny.parameters:,} of {large.parameters:,} parameters ({share:.0%}); test accuracy {tiny.accuracy} "
        f"against {large.accuracy}"
    )
    if share > 0.2:
        return measured, CONTRADICTED
    return measured, SUPPORTED if tiny.mean_accuracy >= CLAIMED else CONTRADICTED


def few_filters_come_first(evidence: Evidence) -> Finding:
    found = evidence.filter_contributions(TINY)
    leaders = Counter(str(leader) for leader, _ in found.leading)
    counts = ", ".join(f"{path} in {count}" for path, count in leaders.most_common())
    measured = f"most often first: {counts} of {len(found.leading)} classes; {len(found.paths)} paths"
    return measured, SUPPORTED if len(leaders) <= len(found.paths) / 2 else CONTRADICTED


def every_class_has_its_own_pair(evidence: Evidence) -> Finding:
    found = evidence.filter_contributions(TINY)
    share = share_of_samples_that_differ(found)
    pairs = ", ".join(
        f"{name}: {leader}, {follower}" for name, (leader, follower) in zip(found.classes, found.leading, strict=True)
    )
    measured = (
        f"{len(set(found.leading))} different pairs in {len(found.leading)} classes ({pairs}); all differ in "
        f"{share:.1%} of 1,000 bootstrap samples of the images"
    )
    if 1 - CONFIDENCE < share < CONFIDENCE:
        return measured, INCONCLUSIVE
    return measured, SUPPORTED if share >= CONFIDENCE else CONTRADICTED


def three_filters_are_the_fewest(evidence: Evidence) -> Finding:
    runs = evidence.result(RESULT)
    if not runs:
        return NOT_RUN, NOT_TESTABLE
    two, three = accuracies(runs, "[2,2]"), accuracies(runs, "[3,3]")
    if not two or not three:
        return f"{RESULT}: the sweep has no result of two or of three filters", NOT_TESTABLE
    measured = "; ".join(
        f"{name} filters: {', '.join(map(percent, values))}" for name, values in (("two", two), ("three", three))
    )
    if min(three) >= CLAIMED > max(two):
        return measured, SUPPORTED
    return measured, CONTRADICTED if min(two) >= CLAIMED or max(three) < CLAIMED else INCONCLUSIVE


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
        (TINY, "lenet_mnist"),
        tiny_is_a_fifth,
    ),
    Tested("three filters a layer are the fewest that do", "filter contributions, 2", (), three_filters_are_the_fewest),
    Tested("the filters that contribute most are a few", "filter contributions, 3", (TINY,), few_filters_come_first),
    Tested(
        "first and second path together are different in every class",
        "filter contributions, 3",
        (TINY,),
        every_class_has_its_own_pair,
    ),
)
