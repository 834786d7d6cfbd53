"""The papers' claims: every one is judged by the numbers, and by the right rule."""

import csv
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from sample import ROOT

from gcm.atomic_write import write_csv
from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, verdict
from gcm.report.claim.filter_contribution import three_filters_are_the_fewest
from gcm.report.claim.noise_mask import background_does_not_contribute
from gcm.report.section import sections
from gcm.report.section.fewest_filters import fewest_filters
from gcm.report.section.paper_comparison import paper_comparison
from gcm.task.report import claimed_accuracies
from gcm.visualizer import CAM
from gcm.zoo import cards


@pytest.mark.parametrize(
    ("beyond", "on_it", "verdict"), [(1.0, 0.0, SUPPORTED), (1.0, 1.0, CONTRADICTED), (0.0, 0.0, CONTRADICTED)]
)
def test_the_claim_on_the_background(beyond, on_it, verdict, monkeypatch):
    images = torch.zeros(2, 1, 9, 9)
    images[:, :, 4, 4] = 1
    strength = torch.full((2, 9, 9), beyond)
    strength[:, 2:7, 2:7] = on_it
    masks = SimpleNamespace(images=images, masks=SimpleNamespace(strength=strength))
    monkeypatch.setattr("gcm.report.claim.noise_mask.images_of", lambda *_: [0, 1])
    monkeypatch.setattr("gcm.report.claim.noise_mask.masks_of", lambda *_: masks)
    measured, found = background_does_not_contribute(None)
    assert found == verdict
    assert f"object {on_it:.2f}, near {on_it:.2f}, beyond {beyond:.2f}" in measured
    monkeypatch.setattr("gcm.report.claim.noise_mask.images_of", lambda *_: [])
    assert background_does_not_contribute(None)[1] == NOT_TESTABLE


def test_every_claim_gets_a_verdict_from_the_numbers(evidence, tmp_path):
    sections()[-1](evidence)
    with (tmp_path / "claims.csv").open() as lines:
        claims = {row["claim"]: row for row in csv.DictReader(lines)}
    assert claims["GCM reaches 90.43 % on CIFAR-10"]["verdict"] == SUPPORTED  # its card claims 10 %
    assert claims["the clipped GCM reaches 89.91 % on CIFAR-10"]["verdict"] == CONTRADICTED  # and this one 100 %
    assert claims["GCM reaches 96.19 % on SVHN"]["verdict"] == NOT_TESTABLE
    assert "gcm 0.0000*" in claims["… in product"]["measured"]
    assert claims["no loss of accuracy against a CNN of equal size"]["verdict"] == SUPPORTED  # both name class 1 always


@pytest.mark.parametrize(
    ("two", "three", "expected"),
    [
        ((0.97, 0.96), (0.981, 0.985), SUPPORTED),
        ((0.98, 0.981), (0.981, 0.985), CONTRADICTED),
        ((0.97, 0.96), (0.97, 0.979), CONTRADICTED),
        ((0.97, 0.985), (0.981, 0.985), INCONCLUSIVE),
    ],
)
def test_whether_three_filters_are_the_fewest(evidence, tmp_path, two, three, expected):
    runs = [
        {"group": f"tiny_lenet_mnist model.filters={name}", "seed": seed, "parameters": 600, "test_images": 10000, "test_accuracy": accuracy,
         "test_loss": 0.1, "machine": "a machine"}
        for name, accuracies in (("[2,2]", two), ("[3,3]", three)) for seed, accuracy in enumerate(accuracies)
    ]  # fmt: skip
    write_csv(tmp_path / "fewest_filters.csv", runs)
    evidence.results = tmp_path
    assert three_filters_are_the_fewest(evidence)[1] == expected
    section = fewest_filters(evidence)
    assert not section.missing
    assert f"| [3,3] | 600 | {sum(three) / 2:.2%} |" in section.body
    assert (tmp_path / "fewest_filters.png").is_file()


def test_a_claim_about_methods_that_were_not_measured_is_not_judged(evidence, tmp_path):
    evidence.visualizers = {"cam": CAM()}
    sections()[-1](evidence)
    assert "raw was not measured for gcm, grad_cam" in (tmp_path / "claims.csv").read_text()


def test_verdicts_follow_the_interval():
    assert verdict(0.1, 0.2) == SUPPORTED
    assert verdict(-0.2, -0.1) == CONTRADICTED
    assert verdict(-0.1, 0.1) == INCONCLUSIVE
    assert verdict(-0.009, 0.0, least=-0.01) == SUPPORTED


def test_the_claims_of_experiments_are_the_papers():
    """Accuracies as the papers print them."""
    claims = {path.stem: OmegaConf.load(path).get("claim") for path in (ROOT / "configs" / "experiment").glob("*.yaml")}
    accuracies = {name: claim.accuracy for name, claim in claims.items() if claim}
    assert accuracies == {
        "gcm_cifar10": 0.9043,
        "gcm_clipped_cifar10": 0.8991,
        "gcm_svhn": 0.9619,
        "tiny_lenet_mnist": 0.98,
    }
    assert claimed_accuracies() == accuracies
    for name, card in cards().items():
        assert (card.claim or {}).get("accuracy") == accuracies.get(name), name


def test_a_network_that_is_not_here_stands_beside_its_paper_s_accuracy(evidence):
    evidence.claimed = {"gcm_svhn": 0.9619}
    evidence.networks = {}
    body = paper_comparison(evidence).body
    assert "| gcm_svhn | 96.19% | missing |" in body
    assert "| cnn_cifar10 | as GCM | missing |" in body
    assert "| gcm_mnist |  | missing |" in body
