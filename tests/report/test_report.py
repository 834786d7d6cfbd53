"""The report: on small networks everything in it is made; without them it says first what is missing."""

import base64
import csv
import re
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from sample import ROOT, randomized

from gcm.build import build
from gcm.data import ImageSpec, MemorySplit
from gcm.error import InputError
from gcm.file import markdown_table, write_csv
from gcm.metric import DeclineRatio
from gcm.model import GCM
from gcm.rendering import Product, Raw
from gcm.report.card import card_page
from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, verdict
from gcm.report.claim.filter_contribution import three_filters_are_the_fewest
from gcm.report.claim.noise_mask import background_does_not_contribute
from gcm.report.evidence import PLANNED, Evidence
from gcm.report.page import html_page, rendered
from gcm.report.readme import with_summaries
from gcm.report.section import SECTIONS
from gcm.report.section.fewest_filters import fewest_filters
from gcm.report.section.paper_comparison import network_row
from gcm.report.selection import certain_and_uncertain, first_right, first_right_of_each_class, first_wrong
from gcm.study.noise_mask import NoiseMaskSettings
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, GuidedBackprop, GuidedGradCAM, Uniform
from gcm.zoo import Card, SavedNetwork, Test, cards

MODELS = {
    "gcm_cifar10": {"_target_": "gcm.model.GCM"},
    "gcm_clipped_cifar10": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4], "clipped": True},
    "cnn_cifar10": {"_target_": "gcm.model.CNN"},
    "gcm_mnist": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
    "cnn_mnist": {"_target_": "gcm.model.CNN", "widths": [2, 3, 4]},
    "tiny_lenet_mnist": {"_target_": "gcm.model.LeNet"},
    "lenet_mnist": {"_target_": "gcm.model.LeNet", "filters": [6, 16]},
    "cnn3_mnist": {"_target_": "gcm.model.LeNet", "filters": [16, 32], "conv_bias": False},
    "gcm_digits": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
    "cnn_digits": {"_target_": "gcm.model.CNN", "widths": [2, 3, 4]},
}
CLASSES = ("<script>alert(1)</script>", "a|b", "dog")


class SmallData:
    """Images of which every second is of class 1, which all the networks always name."""

    def __init__(self, channels, size):
        images = torch.randint(0, 256, (150, channels, size, size), dtype=torch.uint8)
        self.test = self.train = MemorySplit(images, torch.tensor([1, 0, 1, 2]).repeat(38)[:150])


def always_names_class_1(network):
    layer = network.decoder.class_layer if isinstance(network, GCM) else network.linear
    layer.bias.data[1] += 100
    return network


def saved(name, tmp_path):
    channels, size = (3, 16) if name.endswith("cifar10") else (1, 28)
    spec = ImageSpec(channels, size, size, CLASSES, (0.5,) * channels)
    network = always_names_class_1(randomized(build(MODELS[name], spec, key="model")))
    model, _, data = name.rpartition("_")
    claim = {"accuracy": 0.1, "source": "somewhere"} if name == "gcm_cifar10" else {"accuracy": 1.0, "source": "there"}
    config = {
        "model": MODELS[name],
        "data": {"_target_": "gcm.data.Digits"},
        "names": {"model": model, "data": data},
        "claim": claim,
    }
    tests = (Test(0, 0.5, 0.4, 0.6, 1.0, 60, 120.0), Test(1, 0.6, 0.5, 0.7, 1.0, 60, 60.0))
    card = Card(config, spec, 0, 1, 10, 120.0, (f"experiment={name}", "output=/secret"), "a machine", {"torch": "2"}, "ab12",
                tests, 100, network.parameter_count(), 1000)  # fmt: skip
    return SavedNetwork(tmp_path / name, card, network.state_dict())


@pytest.fixture
def evidence(tmp_path):
    networks = {name: saved(name, tmp_path) for name in MODELS}
    data = {"cifar10": SmallData(3, 16), "mnist": SmallData(1, 28), "digits": SmallData(1, 28)}
    visualizers = {"gcm": ClassWeightMaps(), "cam": CAM(), "guided_backprop": GuidedBackprop(), "uniform": Uniform(),
                   "guided_grad_cam": GuidedGradCAM(), "grad_cam": GradCAM(), "grad_cam_rectified": GradCAM(relu=True)}  # fmt: skip
    renderings = {"raw": Raw(), "product": Product(), "absolute": Raw(), "blend": Raw()}
    return Evidence(networks, data, {}, visualizers, renderings, DeclineRatio, tmp_path, torch.device("cpu"),
                    noise_mask=NoiseMaskSettings(steps=2))  # fmt: skip


def page(sections):
    return rendered(
        "report.md.j2",
        command="c",
        date="d",
        machine="m",
        versions="v",
        sections=sections,
        missing=[line for section in sections for line in section.missing],
    )


def test_a_report_has_every_section_and_its_page_needs_no_other_file(evidence, tmp_path):
    evidence.results = tmp_path / "none"
    sections = [section(evidence) for section in SECTIONS]
    markdown = page(sections)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", markdown):
        assert (tmp_path / picture).is_file()
    for number in (2, 4, 7, 8, 9, 10):
        assert list(tmp_path.glob(f"figure_{number}*.png")), number
    html = html_page(markdown, "title", tmp_path)
    assert html.count("data:image/png;base64,") == markdown.count("![")
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert "<script>" not in html
    assert "<table>" in html
    about_data_we_lack = {
        line
        for section in sections
        for line in section.missing
        if "svhn" in line or "fashion" in line.lower() or "copy the runs.csv of sweep=fewest_filters" in line
    }
    assert about_data_we_lack == {line for section in sections for line in section.missing}


@pytest.mark.parametrize(
    ("beyond", "on_it", "verdict"), [(1.0, 0.0, SUPPORTED), (1.0, 1.0, CONTRADICTED), (0.0, 0.0, CONTRADICTED)]
)
def test_the_claim_on_the_background(beyond, on_it, verdict):
    images = torch.zeros(2, 1, 9, 9)
    images[:, :, 4, 4] = 1
    strength = torch.full((2, 9, 9), beyond)
    strength[:, 2:7, 2:7] = on_it
    masks = SimpleNamespace(images=images, masks=SimpleNamespace(strength=strength))
    evidence = SimpleNamespace(noise_mask_images=lambda _: [0, 1], noise_masks=lambda *_: masks)
    measured, found = background_does_not_contribute(evidence)
    assert found == verdict
    assert f"object {on_it:.2f}, near {on_it:.2f}, beyond {beyond:.2f}" in measured
    evidence.noise_mask_images = lambda _: []
    assert background_does_not_contribute(evidence)[1] == NOT_TESTABLE


def test_every_claim_gets_a_verdict_from_the_numbers(evidence, tmp_path):
    SECTIONS[-1](evidence)
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
    SECTIONS[-1](evidence)
    assert "raw was not measured for gcm, grad_cam" in (tmp_path / "claims.csv").read_text()


def test_verdicts_follow_the_interval():
    assert verdict(0.1, 0.2) == SUPPORTED
    assert verdict(-0.2, -0.1) == CONTRADICTED
    assert verdict(-0.1, 0.1) == INCONCLUSIVE
    assert verdict(-0.009, 0.0, least=-0.01) == SUPPORTED


def test_a_strangers_text_brings_no_file_into_the_page(tmp_path):
    (tmp_path / "own.png").write_bytes(b"own")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    rows = [{"command": "x ![a](secret.txt) | <script>"}]
    text = f"![a](own.png) ![b](/etc/hostname) ![c](secret.txt) ![d](http://h/x.png)\n\n{markdown_table(rows)}"
    html = html_page(text, "t", tmp_path)
    embedded = [base64.b64decode(part) for part in re.findall(r'base64,([^"]*)"', html)]
    assert embedded == [b"own", b"", b"", b""]
    assert "<script>" not in html
    assert "http://h" not in html


def test_what_is_missing_comes_first(evidence):
    nothing = ({}, {}, {}, {}, {}, DeclineRatio, evidence.directory, torch.device("cpu"))
    bare = Evidence(*nothing, results=evidence.directory / "none")
    sections = [section(bare) for section in SECTIONS]
    assert all("issing" in section.body or "not testable" in section.body for section in sections)
    markdown = page(sections)
    assert markdown.index("## Missing") < markdown.index(f"## {sections[0].title}")
    without_data = Evidence(evidence.networks, {}, {"cifar10": "no disk", "mnist": "no", "digits": "no"}, {}, {}, DeclineRatio, evidence.directory, evidence.device)  # fmt: skip
    assert "cifar10: no disk" in page([section(without_data) for section in SECTIONS])


def test_images_are_chosen_by_rule():
    logits = torch.tensor([[9.0, 0], [0, 1], [3, 0], [0, 5], [4, 0]])
    labels = torch.tensor([0, 1, 1, 1, 0])
    right = logits.argmax(1) == labels
    assert first_right(right, 2).tolist() == [0, 1]
    assert first_wrong(right, 2).tolist() == [2]
    assert certain_and_uncertain(logits, right).tolist() == [0, 1]
    assert first_right_of_each_class(right, labels, 2, count=2).tolist() == [0, 4, 1, 3]


def test_a_readme_gets_its_tables_between_the_marks():
    text = "a\n<!-- accuracy -->\nold\n<!-- end of accuracy -->\nb\n"
    assert with_summaries(text, {"accuracy": "new\n"}) == text.replace("old", "new")
    for wrong in ("no mark", text.replace("accuracy", "accuracies"), "<!-- end of accuracy -->"):
        with pytest.raises(InputError, match="<!-- "):
            with_summaries(wrong, {"accuracy": "new"})


def test_the_readme_says_what_the_cards_say():
    rows = [network_row(card) for card in cards().values()]
    readme = (ROOT / "README.md").read_text()
    assert all(f"| {row['network']} | {row['paper']} | {row['test accuracy']} |" in readme for row in rows)


def test_a_card_page_says_where_the_network_comes_from(tmp_path):
    text = card_page(saved("gcm_cifar10", tmp_path).card)
    assert "55.00% ± 7.07" in text
    assert "the paper: 10.00% (somewhere)" in text
    assert "`python train.py experiment=gcm_cifar10`" in text
    assert "secret" not in text


def test_the_task_reports_on_shipped_networks(train_py, tmp_path):
    finished = train_py("task=report", "weights=[gcm_digits,cnn_digits]", "visualizer=[gcm,cam]", "output=report")
    assert finished.code == 0, finished.err
    text = (tmp_path / "report" / "report.md").read_text()
    assert "## Missing" in text
    assert "| gcm_digits | gcm | 99." in text
    assert (tmp_path / "report" / "report.html").is_file()


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
    assert {name: planned.paper for name, planned in PLANNED.items() if planned.paper[:1].isdigit()} == {
        name: "98 % or more" if value == 0.98 else f"{value:.2%}" for name, value in accuracies.items()
    }
    assert PLANNED["gcm_svhn"].paper == f"{accuracies['gcm_svhn']:.2%}"


def test_what_is_planned_has_an_experiment_and_what_is_shipped_is_planned():
    assert all((ROOT / "configs" / "experiment" / f"{name}.yaml").is_file() for name in PLANNED)
    assert set(cards()) <= set(PLANNED)
