"""Which classes a figure of class maps shows, with which pictures, and what says how to read them."""

import colorsys

import pytest
import torch
from matplotlib.text import Text

from gcm.draw import class_maps, classes_to_show, draw_class_maps

CLASSES = [f"class {index}" for index in range(12)]


def test_of_many_classes_the_true_one_and_the_nine_with_the_highest_scores():
    logits = torch.tensor([list(range(12)), list(range(12, 0, -1))]).float()
    expected = [[0, 3, 4, 5, 6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert classes_to_show(logits, torch.tensor([0, 4])).tolist() == expected
    assert classes_to_show(logits[:, :3], torch.tensor([0, 1])).tolist() == [[0, 1, 2]] * 2


def figure_of(tmp_path, monkeypatch, *arguments, in_colours, **settings):
    figures, new_figure = [], class_maps.new_figure
    monkeypatch.setattr(class_maps, "new_figure", lambda *size: figures.append(new_figure(*size)) or figures[-1])
    draw_class_maps(*arguments, CLASSES, title="", in_colours=in_colours, path=tmp_path / "figure.png", **settings)
    return figures[0]


def drawn(tmp_path, monkeypatch, *arguments, **settings):
    """Title and brightness of each class's panel."""
    figure = figure_of(tmp_path, monkeypatch, *arguments, in_colours=True, **settings)
    panels = [axes for axes in figure.axes if axes.get_title().startswith("class ")]
    return {axes.get_title(): float(axes.images[0].get_array().mean()) for axes in panels}


def test_each_class_shown_has_its_own_picture(tmp_path, monkeypatch):
    logits, labels = torch.arange(12.0).unsqueeze(0), torch.tensor([0])
    shade = torch.arange(12) / 12
    pictures = shade.view(1, 12, 1, 1, 1).expand(1, 12, 3, 8, 8)
    shown = classes_to_show(logits, labels)
    expected = {CLASSES[index]: float(shade[index]) for index in shown[0].tolist()}
    images = torch.rand(1, 3, 8, 8)
    of_all = drawn(tmp_path, monkeypatch, images, pictures, logits, labels)
    of_shown = drawn(tmp_path, monkeypatch, images, pictures[:, shown[0]], logits, labels, shown=shown)
    assert of_all == of_shown
    assert of_all.keys() == expected.keys()
    assert all(abs(of_all[name] - expected[name]) < 1e-6 for name in expected)


def test_in_colour_what_speaks_against_a_class_is_seen_on_white_as_what_speaks_for_it_on_black(tmp_path, monkeypatch):
    """Of a dark image, too: a faint orange that speaks against a class is an orange on white, as far from it as the
    one that speaks for a class is from black."""
    orange = torch.tensor([0.3, 0.15, 0.0]).view(3, 1, 1)
    pictures = torch.zeros(1, 2, 3, 8, 8)
    pictures[0, 0, :, 2:4] = orange
    pictures[0, 1, :, 2:4] = -orange
    pictures[0, 1, :, 7] = 1.0
    figure = figure_of(
        tmp_path, monkeypatch, 0.1 * torch.rand(1, 3, 8, 8), pictures, torch.randn(1, 2), torch.tensor([0]),
        in_colours=False, limits=[1.0],
    )  # fmt: skip
    panels = [torch.from_numpy(axes.images[0].get_array().data) for axes in figure.axes[:6] if axes.images]
    _, for_first, for_second, against_first, against_second = panels
    assert not for_second[:7].any()
    assert (against_first == 1).all()
    assert (against_second[[0, 1, 4, 5, 6, 7]] == 1).all()
    speaks_for, speaks_against = for_first[2, 0], against_second[2, 0]
    assert speaks_for.tolist() == pytest.approx([0.3, 0.15, 0.0])
    assert speaks_against.tolist() == pytest.approx([1.0, 0.85, 0.7])  # 0.3 and 0 become 1 - 0, 1 - 0.3
    (hue, light, _), (hue_against, light_against, _) = (
        colorsys.rgb_to_hls(*each.tolist()) for each in (speaks_for, speaks_against)
    )
    assert (hue_against, light_against) == pytest.approx((hue, 1 - light))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("in_colours", [False, True])
def test_a_figure_explains_its_marks_and_numbers(tmp_path, monkeypatch, channels, in_colours):
    pictures = torch.rand(1, 2, channels, 8, 8) * (1 if in_colours else 55.5)
    arguments = (torch.rand(1, channels, 8, 8), pictures, torch.tensor([[1.0, -2.0]]), torch.tensor([1]))
    figure = figure_of(tmp_path, monkeypatch, *arguments, in_colours=in_colours)
    said = " ".join(figure.get_supxlabel().split())
    for part in ("red frame", "bold", "◀: the predicted", "score"):
        assert part in said
    assert ("Strongest: the value of a pixel" in said, "smallest value, blue" in said) == (not in_colours, in_colours)
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert any(text.endswith("\N{MINUS SIGN}2.00") for text in texts)
    assert any("strongest:\n" in text for text in texts) == (not in_colours)
