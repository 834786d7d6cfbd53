"""Claims of the contribution-mapping paper: accuracy, speed, decline ratio, clipping."""

from collections.abc import Callable
from functools import partial
from math import isnan

import torch

from gcm.error import listed
from gcm.model import Interpretable
from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, Claim, Finding, reached, verdict
from gcm.report.evidence import Evidence
from gcm.report.section.decline_ratio import cells_on
from gcm.study.accuracy.predictions import Difference, accuracy_difference
from gcm.study.contribution_mass.numbers import Mass, contribution_mass
from gcm.study.speed.numbers import time_ratio

GCM_NAME, CLIPPED, CNN_NAME = "gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10"
PAPERS_METHODS = ("guided_backprop", "guided_grad_cam", "cam", "grad_cam", "grad_cam_rectified", "gcm")
NO_LOSS = 0.01
"""The largest loss of accuracy that still counts as none."""
EQUAL_SIZE = 0.03
"""The largest difference in parameters between networks of equal size."""
SLIGHTLY = 2.0
"""The largest ratio of times that still is slightly slower."""


def reaches(name: str) -> Callable[[Evidence], Finding]:
    def measure(evidence: Evidence) -> Finding:
        card = evidence.card(name)
        if card.claim is None:
            return f"{name}: its training states no claim", NOT_TESTABLE
        return reached(card, card.claim["accuracy"])

    return measure


def no_loss_against_cnn(evidence: Evidence) -> Finding:
    difference = accuracy_difference(evidence.right(GCM_NAME), evidence.right(CNN_NAME))
    sizes = [evidence.card(name).parameters for name in (GCM_NAME, CNN_NAME)]
    measured = (
        f"GCM {evidence.card(GCM_NAME).tests[0].accuracy:.2%} with {sizes[0]:,} parameters, CNN "
        f"{evidence.card(CNN_NAME).tests[0].accuracy:.2%} with {sizes[1]:,}: {points(difference)}"
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
            for cell in cells_on(name, evidence)
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
    return contribution_mass(network, evidence.test_split(name), progress=evidence.progress.of(name))


CONTRIBUTION_MAPPING = (
    Claim("GCM reaches 90.43 % on CIFAR-10", "GCM, 4.2", (GCM_NAME,), reaches(GCM_NAME)),
    Claim("the clipped GCM reaches 89.91 % on CIFAR-10", "GCM, 4.3", (CLIPPED,), reaches(CLIPPED)),
    Claim("GCM reaches 96.19 % on SVHN", "GCM, 4.5", ("gcm_svhn",), reaches("gcm_svhn")),
    Claim("no loss of accuracy against a CNN of equal size", "GCM, 5 (3)", (GCM_NAME, CNN_NAME), no_loss_against_cnn),
    Claim("GCM is slightly slower than the CNN", "GCM, 5 (3)", (GCM_NAME, CNN_NAME), slightly_slower),
    Claim("GCM has the best decline ratio in raw", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("raw", "gcm")),
    Claim("… in absolute", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("absolute", "gcm")),
    Claim("… in product", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("product", "gcm")),
    Claim(
        "guided Grad-CAM has the best in blend", "GCM, 5 (5)", (GCM_NAME, CNN_NAME), best_in("blend", "guided_grad_cam")
    ),
    Claim("clipping costs accuracy", "GCM, 4.3", (GCM_NAME, CLIPPED), clipping_costs_accuracy),
    Claim(
        "clipping makes the maps of wrong classes respond more strongly",
        "GCM, 5 (2)",
        (GCM_NAME, CLIPPED),
        clipping_strengthens_wrong_classes,
    ),
)
