"""The benchmark measures what it says: ratios by hand, peers that give our maps, and the task on the embedded digits."""

import csv
import os
import signal
import threading
import time
from functools import partial

import pytest
import small_job
import torch

import gcm
from gcm.benchmark import peer
from gcm.benchmark.base import Comparison, at_least, at_most, measured_in_turns, timed
from gcm.benchmark.new_process import in_new_process
from gcm.benchmark.row.decline_ratio_table import table, table_by_captum
from gcm.benchmark.row.gpu import on_device
from gcm.benchmark.row.many_classes import TOP, MapsMadeGCM, all_maps, top_maps
from gcm.benchmark.setting import Setting
from gcm.cli.signals import Stopped, signals_raise_stopped
from gcm.data import Digits, ImageSpec
from gcm.model import GCM, GCMBackbone
from gcm.visualizer import GradCAM, GuidedBackprop, GuidedGradCAM, Occlusion, Saliency


def given(*amounts):
    """One after the other."""
    return partial(next, iter(amounts))


@pytest.mark.parametrize(
    ("goal", "ratio", "low", "high", "reached"),
    [(at_least(3), 4.0, 2.0, 6.0, True), (at_least(5), 4.0, 2.0, 6.0, False), (None, 4.0, 2.0, 6.0, None),
     (at_most(0.3), 0.25, 1 / 6, 0.5, True), (at_most(0.2), 0.25, 1 / 6, 0.5, False)],
)  # fmt: skip
def test_ratios_by_hand(goal, ratio, low, high, reached):
    """The warm-up's 100 and 1 do not count."""
    found = measured_in_turns("row", Comparison("a", "b", given(100, 1, 1, 2), given(1, 2, 6, 8), goal), rounds=3)
    assert (found.ratio, found.low, found.high) == pytest.approx((ratio, low, high))
    assert found.reached is reached
    assert (found.ours, found.others, found.rounds) == (1, 6, 3)


def test_seconds_of_a_job():
    assert timed(lambda: time.sleep(0.05))() == pytest.approx(0.05, rel=0.5)


def test_memory_of_a_job_is_its_peak():
    assert 99 < in_new_process(small_job.growth_by_a_hundred_mebibytes) < 102
    assert 59 < in_new_process(small_job.growth_by_blocks_where_others_were) < 63


def test_what_goes_wrong_in_a_new_process():
    with pytest.raises(ValueError, match="there is no GPU"):
        in_new_process(small_job.refused)
    with pytest.raises(RuntimeError, match="the process of killed ended with code -9"):
        in_new_process(small_job.killed)


def test_a_new_process_ends_with_the_call(tmp_path):
    """As when SIGTERM stops the command."""
    path = tmp_path / "pid"

    def stop_when_it_runs():
        while not (path.exists() and path.read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_it_runs).start()
    with pytest.raises(Stopped), signals_raise_stopped():
        in_new_process(small_job.sleeping, path)
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


@pytest.mark.parametrize(
    ("captum", "own"),
    [
        (peer.captum_grad_cam, GradCAM()),
        (peer.captum_guided_backprop, GuidedBackprop()),
        (peer.captum_saliency, Saliency()),
        (partial(peer.captum_occlusion, patch=4), Occlusion(4)),
    ],
)
def test_captum_does_the_same_job(captum, own):
    network, images = gcm.load("cnn_digits"), torch.rand(3, 1, 32, 32)
    theirs, ours = captum(peer.for_libraries(network), images.clone())(), own(network, images).maps
    if isinstance(own, Occlusion):  # captum writes each square's value to all of its pixels
        theirs = theirs[:, :, :, ::4, ::4]
    torch.testing.assert_close(theirs.detach(), ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", [peer.captum_guided_grad_cam, peer.captum_lrp, peer.zennit_deep_taylor])
def test_other_peers_give_maps_of_every_class(method):
    network = gcm.load("cnn_digits")
    assert method(peer.for_libraries(network), torch.rand(2, 1, 32, 32))().shape == (2, 10, 1, 32, 32)


def test_both_tables_are_the_same():
    """But for guided Grad-CAM, whose coarse map captum enlarges by its nearest pixel."""
    network, split = gcm.load("cnn_digits"), Digits().test.subset(torch.arange(40))
    ours, theirs = table(network, split, 20), table_by_captum(peer.for_libraries(network), split, 20)
    cells = [cell for cell in ours if cell[0] != "guided_grad_cam"]
    assert len(cells) == 16
    assert {cell: ours[cell] for cell in cells} == pytest.approx({cell: theirs[cell] for cell in cells})
    assert GuidedGradCAM().interpolation == "bilinear"


def test_the_naive_network_has_the_same_scores():
    torch.manual_seed(1)
    spec, images = ImageSpec.of(3, 32, 7), torch.rand(2, 3, 32, 32)
    made, own = MapsMadeGCM(spec).eval(), GCM(spec).eval()
    made.load_state_dict(own.state_dict())
    torch.testing.assert_close(made(images), own(images))


def test_only_the_maps_that_are_asked_for():
    """And the same ones: the classes with the highest scores, of an untrained network of the same seed."""
    kind, shape = partial(GCMBackbone, backbone="mobilenet_v3_small", widths=(4, 8)), (2, 3, 64, 64)
    found = []
    for job in (top_maps, all_maps):
        torch.manual_seed(0)
        found.append(job(kind, 20, shape)())
    top, every = found
    classes = every.logits.topk(TOP).indices
    torch.testing.assert_close(top, every.maps[torch.arange(2)[:, None], classes, 0], rtol=1e-4, atol=1e-5)


def test_what_runs_on_a_gpu_runs_anywhere():
    network, images = gcm.load("cnn_digits"), torch.rand(2, 1, 32, 32)
    setting = Setting(network, gcm.load("gcm_digits"), Digits().test, 2, training=None)
    comparisons = list(on_device(setting, torch.device("cpu")))
    assert [comparison.what.split(",")[0] for comparison in comparisons] == [
        "cam and grad_cam",
        "gcm: logits and all maps",
    ]
    assert all(comparison.ours() > 0 for comparison in comparisons)
    assert network(images).shape == (2, 10)


@pytest.mark.slow
def test_the_task(train_py, tmp_path):
    end = train_py("task=benchmark", "data=digits", "task.cnn=cnn_digits", "task.gcm=gcm_digits", "rows=[gcm_maps,gpu]",
                   "task.batch_size=4", "task.rounds=1", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    with (tmp_path / "out/benchmark.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert {row["row"] for row in rows} == ({"gcm_maps", "gpu"} if torch.cuda.is_available() else {"gcm_maps"})
    assert all(float(row["ratio"]) > 0 and "torch" in row["versions"] and row["machine"] for row in rows)
    text = (tmp_path / "out/benchmark.md").read_text()
    assert "## gcm_maps" in text
    assert "what the other takes divided by what we take" in text
    assert text.endswith("gpu: left out, there is no GPU") != torch.cuda.is_available()


def test_what_the_task_refuses(train_py):
    assert (
        "task.rows: item 0 must be 'class_activation_maps', 'gradients'"
        in train_py("task=benchmark", "rows=[speed]").error
    )
    words = ("task=benchmark", "data=digits", "task.gcm=gcm_digits")
    assert "task.cnn must name a CNN and task.gcm a GCM" in train_py(*words, "task.cnn=gcm_digits").error
    assert "task.batch_size must be 1 to 360" in train_py(*words, "task.cnn=cnn_digits", "task.batch_size=999").error
