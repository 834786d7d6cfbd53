"""Whoever uses the library hears nothing unless they ask: no bar, no line, on neither stream."""

import logging
from functools import partial

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from sample import images_of

from gcm.data import ImageFolder, ImageSpec, MemorySplit
from gcm.draw import draw_class_maps
from gcm.metric import DeclineRatio
from gcm.model import CNN, LeNet
from gcm.progress import Progress
from gcm.rendering import Raw
from gcm.study.accuracy.predictions import split_logits
from gcm.study.accuracy.test_set import evaluate
from gcm.study.contribution_mass.numbers import contribution_mass
from gcm.study.decline_ratio.numbers import decline_ratio_cells
from gcm.study.filter_contribution.numbers import filter_contributions
from gcm.study.uncertainty.predictive import Predictive
from gcm.visualizer import Saliency

SPEC = ImageSpec.of(1, 16, 4)
SPLIT = MemorySplit((images_of(SPEC) * 255).byte(), torch.arange(4))


@pytest.fixture
def folder(tmp_path):
    """A folder of images with a file that is left out, which there is to tell."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(8):
            Image.new("L", (16, 16), 20 * number).save(tmp_path / name / f"{number}.png")
    (tmp_path / "cat/notes.txt").write_text("no image")
    return ImageFolder(root=str(tmp_path), batch_size=4, crop_padding=0)


def trained(data, directory):
    from gcm.training.batches import ImageBatches
    from gcm.training.history import History
    from gcm.training.module import ClassifierTraining
    from gcm.training.trainer import lightning_trainer

    directory.mkdir()
    settings = OmegaConf.create({
        "_target_": "pytorch_lightning.Trainer", "max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": True,
        "enable_model_summary": True,
    })  # fmt: skip
    module = ClassifierTraining(
        CNN(data.spec, widths=(2, 3, 4)),
        data,
        OmegaConf.create({"_target_": "torch.optim.SGD", "lr": 0.1}),
        OmegaConf.create({"_target_": "gcm.training.schedule.constant"}),
        history=History(directory, "title"),
    )
    trainer = lightning_trainer(settings, directory, [], tensorboard=False, validated=False)
    trainer.fit(module, ImageBatches(data))
    trainer.test(module, ImageBatches(data), verbose=False)


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*smaller than the logging interval")
@pytest.mark.filterwarnings("ignore:.*LeafSpec")
def test_the_library_is_silent(folder, tmp_path, capfd):
    network, lenet = CNN(SPEC).eval(), LeNet(SPEC, (2, 3)).eval()
    folder.check()
    trained(folder, tmp_path / "run")
    assert (tmp_path / "run/metrics.csv").is_file()
    evaluate(network, SPLIT)
    split_logits(network, SPLIT)
    contribution_mass(lenet, SPLIT)
    filter_contributions("lenet", lenet, SPLIT, 1)
    decline_ratio_cells("cnn", network, {"saliency": Saliency()}, {"raw": Raw()}, partial(DeclineRatio, 4), SPLIT, 2)
    Predictive("cnn", "", network, None, 0).on(SPLIT.images)
    draw_class_maps(
        torch.rand(1, 1, 8, 8), torch.randn(1, 2, 1, 8, 8), torch.randn(1, 2), torch.tensor([0]),
        ("\ue123, in no font", "other"), title="title", in_colours=False, path=tmp_path / "figure.png",
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_what_there_is_to_tell_stands_in_the_log(folder, notices):
    folder.check()
    (line,) = notices
    assert line.endswith("1 .txt (not read by Pillow here)")


def test_the_library_s_log_has_a_handler_that_does_nothing():
    """Or Python itself would print its warnings."""
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("gcm").handlers)


class Watching(Progress):
    def __init__(self, seen, name=""):
        self.seen, self.name = seen, name

    def over(self, items, what, total):
        for item in items:
            self.seen.append((self.name, what, total))
            yield item

    def of(self, name):
        return Watching(self.seen, name)


def test_every_batch_is_watched_under_its_network_s_name():
    network, seen = CNN(SPEC).eval(), []
    split_logits(network, SPLIT, batch_size=3, progress=Watching(seen).of("mine"))
    assert seen == [("mine", "logits", 2)] * 2
    seen.clear()
    visualizers, renderings, new_metric = {"saliency": Saliency()}, {"raw": Raw()}, partial(DeclineRatio, 4)
    decline_ratio_cells("cnn", network, visualizers, renderings, new_metric, SPLIT, 4, progress=Watching(seen))
    assert seen == [("cnn", "1 visualizers", 1)]
    seen.clear()
    Predictive("cnn", "", network, None, 0).on(SPLIT.images, "test images", Watching(seen))
    assert seen == [("cnn, softmax, once", "test images", 1)]
