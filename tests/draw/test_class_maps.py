"""Which classes a figure of class maps shows, and with which pictures."""

import torch

from gcm.draw import class_maps, classes_to_show, draw_class_maps

CLASSES = [f"class {index}" for index in range(12)]


def test_of_many_classes_the_true_one_and_the_nine_with_the_highest_scores():
    logits = torch.tensor([list(range(12)), list(range(12, 0, -1))]).float()
    expected = [[0, 3, 4, 5, 6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert classes_to_show(logits, torch.tensor([0, 4])).tolist() == expected
    assert classes_to_show(logits[:, :3], torch.tensor([0, 1])).tolist() == [[0, 1, 2]] * 2


def drawn(tmp_path, monkeypatch, *arguments, **settings):
    """Title and brightness of each class's panel."""
    figures, new_figure = [], class_maps.new_figure
    monkeypatch.setattr(class_maps, "new_figure", lambda *size: figures.append(new_figure(*size)) or figures[-1])
    draw_class_maps(*arguments, CLASSES, title="", in_colours=True, path=tmp_path / "figure.png", **settings)
    panels = [axes for axes in figures[0].axes if axes.get_title().startswith("class ")]
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
