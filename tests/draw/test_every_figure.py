"""Every figure: what stands in it as it is drawn, and which of its marks are explained in it."""

import importlib
import pkgutil
import re

import matplotlib
import pytest
import torch
from matplotlib.backends.backend_agg import RendererAgg

import gcm.draw
from gcm.draw import Panel, draw_class_maps, draw_grid
from gcm.metric import Decline, Mean
from gcm.study.attention.figure import AttendedImages, draw_attention_rows, draw_sheet
from gcm.study.decline_ratio import numbers as decline_ratio
from gcm.study.decline_ratio.figure import draw_decline_ratio
from gcm.study.faithfulness.cells import Column, FaithfulnessCell, Row
from gcm.study.faithfulness.figure import draw_faithfulness
from gcm.study.filter_contribution.figure import draw_leading_filters, draw_paths_of_image
from gcm.study.filter_contribution.numbers import FilterResponses
from gcm.study.layer_convergence.figure import draw_layer_convergence
from gcm.study.layer_convergence.numbers import LayerConvergence
from gcm.study.region_deletion.figure import draw_important_regions
from gcm.study.region_deletion.numbers import RegionDeletion
from gcm.study.sweep.figure import draw_accuracy_and_size
from gcm.study.uncertainty.figure import Spread, draw_detection, draw_reliability, draw_spreads
from gcm.study.uncertainty.findings import Calibrated, Detected
from gcm.study.uncertainty.numbers import Calibration, Detection
from gcm.study.uncertainty.predictive import Predictive
from gcm.study.why.figure import Decision, PathEvidence, draw_why
from gcm.training.learning_curve import draw_learning_curve

CLASSES = ("cat", "dog", "hat")
TITLE = "a title"
LABELS = torch.tensor([0, 1])
LOGITS = torch.tensor([[1.0, -0.004, -2.5], [0.5, 0.25, 0.0]])


def maps(path, channels, in_colours=False):
    pictures = torch.rand(2, 3, channels, 8, 8) if in_colours else torch.randn(2, 3, channels, 8, 8)
    draw_class_maps(
        torch.rand(2, channels, 8, 8), pictures, LOGITS, LABELS, CLASSES, TITLE, in_colours=in_colours, path=path
    )


def look(name="iteration 10"):
    return AttendedImages(torch.rand(6, 1, 8, 8), 0.0001 * torch.rand(6, 8, 8), torch.arange(6) % 2 == 0, name)


def filter_responses(count, targets):
    rand = torch.rand
    return FilterResponses(
        torch.randn(2, 5, 5), torch.randn(2, 3, 3, 3), rand(count, 1, 8, 8), rand(count, 2, 6, 6), torch.randn(count, targets, 2, 3, 2, 2)
    )  # fmt: skip


def leading(path):
    shares = [torch.rand(3, 2, 3) for _ in range(2)]
    draw_leading_filters(filter_responses(3, 1), CLASSES, shares, [[(0, 0), (1, 2)]] * 3, TITLE, path)


def decision(path):
    evidence = PathEvidence(
        "1→2", -0.04, torch.randn(5, 5), torch.randn(3, 3), torch.rand(1, 8, 8), torch.randn(1, 8, 8)
    )
    importance = torch.arange(16.0).view(4, 4)
    amounts = [("path 1→2", -0.04), ("biases", 2.0)]
    draw_why(
        Decision(torch.rand(1, 8, 8), "cat", "dog", 0.9, [evidence] * 2, amounts, importance, importance > 13),
        TITLE,
        path,
    )


def regions(path):
    deletions = [
        RegionDeletion(
            label, torch.ones(9, dtype=torch.bool), 0, [0, 3], [torch.tensor([5, 1, 0, 0]), torch.tensor([0, 1, 0, 4])]
        )
        for label in range(3)
    ]
    draw_important_regions(deletions, torch.rand(3, 1, 8, 8), CLASSES, 2, TITLE, path)


def curve(path, lowest):
    rows = [
        {"epoch": epoch, "train_loss": lowest ** (epoch / 3), "train_accuracy": 0.999 + epoch / 1e5}
        for epoch in (1, 2, 3)
    ]
    draw_learning_curve(rows, TITLE, path)


def faithfulness(path):
    column = Column("deletion", higher_is_better=False, meaning="low is good")
    cells = [
        FaithfulnessCell(Row("gcm", name, "by design"), column, Mean(value, value, value, 3), 1, float("nan"), None, "")
        for name, value in (("gcm", 0.1), ("cam", 0.2))
    ]
    draw_faithfulness(cells, TITLE, path)


def declines(path):
    found = Decline(0.9, 0.8, 0.11, 0.1, 0.12, 0.9, 100)
    draw_decline_ratio([decline_ratio.DeclineRatioCell("net", "gcm", "raw", found, "")], TITLE, path)


def accuracy_and_size(path, sizes):
    runs = {f"[{size}]": [{"test_accuracy": 0.9, "test_images": 100, "parameters": size}] for size in sizes}
    draw_accuracy_and_size(runs, 0.95, TITLE, path)


def settling(path):
    states = [LayerConvergence(step, "conv", 1 - step / 200, 1 - step / 200, 0.1) for step in (0, 1, 10, 100, 200)]
    draw_layer_convergence(states, TITLE, path)


PREDICTIVE = Predictive("net", "ab12", torch.nn.Identity(), 5, 0)
ABOUT = Mean(0.9, 0.8, 0.95, 100)


def reliability(path):
    half = torch.full((15,), 0.5)
    draw_reliability(
        [Calibrated(PREDICTIVE, "test images", Calibration(ABOUT, ABOUT, ABOUT, half, half, half))], TITLE, path
    )


def signed_panels(path, channels):
    row = [Panel(torch.rand(channels, 8, 8)), Panel(torch.randn(channels, 8, 8), signed=True, note="1%")]
    draw_grid([row], ["cat"], ["image", "its map"], TITLE, path)


FIGURES = {
    "class maps, grey": lambda path: maps(path, 1),
    "class maps, colour": lambda path: maps(path, 3),
    "class maps, false colours": lambda path: maps(path, 3, in_colours=True),
    "sheet": lambda path: draw_sheet(look(), ["no. 1"] * 6, TITLE, path),
    "looks": lambda path: draw_attention_rows([look(), look("iteration 50")], CLASSES, TITLE, path),
    "leading filters": leading,
    "paths of image": lambda path: draw_paths_of_image(filter_responses(1, 3), LOGITS[0], LOGITS[1], 0, CLASSES, TITLE, path),
    "why": decision,
    "important regions": regions,
    "learning curve": lambda path: curve(path, 1e-3),
    "learning curve, tiny losses": lambda path: curve(path, 1e-12),
    "learning curve, within a decade": lambda path: curve(path, 0.5),
    "faithfulness": faithfulness,
    "decline ratio": declines,
    "accuracy and size": lambda path: accuracy_and_size(path, (300, 900, 5000)),
    "accuracy and size, one size": lambda path: accuracy_and_size(path, (300,)),
    "settling": settling,
    "spreads": lambda path: draw_spreads([Spread(torch.rand(1, 8, 8), "cat", torch.rand(5, 3))], CLASSES, TITLE, path),
    "reliability": reliability,
    "detection": lambda path: draw_detection([Detected(PREDICTIVE, "noise", "entropy", Detection(ABOUT, ABOUT, 0.5))], TITLE, path),
    "grid, grey": lambda path: signed_panels(path, 1),
    "grid, colour": lambda path: signed_panels(path, 3),
}  # fmt: skip


@pytest.fixture
def texts(monkeypatch):
    """Every text that is drawn, as it is drawn."""
    drawn, draw_text = [], RendererAgg.draw_text

    def recorded(renderer, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        drawn.append(s)
        assert not ismath, s
        draw_text(renderer, gc, x, y, s, prop, angle, ismath, mtext)

    monkeypatch.setattr(RendererAgg, "draw_text", recorded)
    monkeypatch.setattr(RendererAgg, "draw_tex", lambda *_, **__: pytest.fail("drawn by TeX"))
    return drawn


def test_every_kind_of_figure_is_looked_at():
    modules = [importlib.import_module(f"gcm.draw.{module.name}") for module in pkgutil.iter_modules(gcm.draw.__path__)]
    savers = {
        name
        for module in modules
        for name, function in vars(module).items()
        if name.startswith("draw_") and "path" in getattr(function, "__annotations__", {})
    }
    assert savers <= set(globals()), "a new figure belongs into FIGURES"


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_words_and_plain_numbers_as_drawn(name, texts, tmp_path):
    FIGURES[name](tmp_path / "figure.png")
    assert any(text.startswith(TITLE) for text in texts)
    for text in texts:
        assert not {"$", "\\", "{", "^"} & set(text), text
        assert "mathdefault" not in text
        assert not re.search(r"(?<![\d\w])-\d|\de[-+]\d", text), f"no true minus, or an exponent: {text}"
        assert not re.search(r"\N{MINUS SIGN}0(\.0+)?(?![\d.])", text), f"less than zero by rounding: {text}"


@pytest.mark.parametrize("name", ["learning curve", "settling", "class maps, grey", "why", "accuracy and size"])
def test_a_matplotlib_that_is_set_to_write_formulas_writes_none(name, texts, tmp_path):
    with matplotlib.rc_context({"axes.formatter.use_mathtext": True, "text.usetex": True}):
        FIGURES[name](tmp_path / "figure.png")
    assert not [text for text in texts if "$" in text or "mathdefault" in text]


SHORT = {"◀": "predicted", "full orange: ": "evidence", "importance": "misclassified without", "1/r": "round"}
"""What needs a word of explanation in the same figure."""


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_short_is_explained_in_the_same_figure(name, texts, tmp_path):
    FIGURES[name](tmp_path / "figure.png")
    said = " ".join(texts)
    for short, explained in SHORT.items():
        assert short not in said or explained in said
    assert "in units of" not in said
