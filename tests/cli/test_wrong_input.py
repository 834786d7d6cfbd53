"""A user's mistake gets one line, exit code 2, and nothing half-written."""

import pytest
import torch

WRONG = {
    # misspelt
    "choice": (["model=gmc"], r"no 'gmc' in model; allowed: bayesian_cnn, cnn, cnn3, gcm, gcm_backbone, gcm_clipped, lab_cnn, lenet, mc_dropout_cnn, tiny_lenet"),
    "task": (["task=trian"], r"no 'trian' in task; allowed: all, benchmark, decline_ratio, evolution, explain, export, faithfulness, filter_images, filters, grad_cam, noise_mask, publish, regions, report, test, train, uncertainty, verify, why"),
    "visualizer": (["visualizer=[gcm,gradcam]"], r"no 'gradcam' in visualizer; allowed: all, cam, deconvnet, deep_taylor, gcm,"),
    "experiment": (["experiment=gcm_cifar"], r"no 'gcm_cifar' in experiment; allowed: .*gcm_cifar10"),
    "top key": (["sead=1"], r"unknown setting sead; did you mean seed\?.*Allowed here: .*seed"),
    "inner key": (["trainer.max_epoch=3"], r"unknown setting trainer.max_epoch; did you mean max_epochs\?"),
    "model key": (["model.width=[8]"], r"unknown setting model.width; did you mean widths\? Allowed here: .*shared_depth"),
    "visualizer key": (["visualizer.grad_cam.rleu=true"], r"unknown setting visualizer.grad_cam.rleu; did you mean relu\?"),
    "added key": (["+trainer.max_epoch=3"], r"unknown setting trainer.max_epoch; did you mean max_epochs\?"),
    "group": (["modle=gcm"], r"unknown (setting|group) .*modle.*model"),
    # mistyped
    "text for a number": (["trainer.max_epochs=many"], r"trainer.max_epochs: must be a valid integer; got 'many'"),
    "fraction": (["data.batch_size=1.5"], r"data.batch_size: must be a valid integer.*; got 1.5"),
    "truth value": (["seed=true"], r"seed: must be a valid integer; got True"),
    "number for a switch": (["channels_last=3"], r"channels_last: must be a valid boolean; got 3"),
    "list of wrong length": (["model.widths=[8,16]"], r"model.widths: must have 3 items; got \[8, 16\]"),
    "out of range": (["model.shared_depth=5"], r"model.shared_depth: must be less than or equal to 4; got 5"),
    "zero": (["data.batch_size=0"], r"data.batch_size: must be greater than or equal to 1; got 0"),
    "share": (["label_smoothing=1.5"], r"label_smoothing: must be less than 1; got 1.5"),
    "interpolation": (["rendering.product.interpolation=cubic"], r"product.interpolation: must be 'bicubic', 'bilinear' or 'nearest'; got 'cubic'"),
    "precision": (["trainer.precision=fp7"], r"trainer.precision: must be .*'bf16-mixed'.*; got 'fp7'"),
    # not there
    "no weights named": (["task=test"], r"task=test needs weights=RUN"),
    "weights missing": (["task=explain", "weights=nowhere"], r"nowhere: no such run directory, checkpoint or shipped network; there are"),
    "weights of another kind": (["task=explain", "weights=other.pt"], r"other.pt is not a checkpoint of this project"),
    "weights corrupt": (["task=test", "weights=broken.ckpt"], r"broken.ckpt is not a checkpoint of this project"),
    "resume missing": (["task=train", "resume=nowhere"], r"resume=nowhere is no run directory with a last.ckpt"),
    "data missing": (["data=mnist", "data.root=nowhere"], r"mnist is not complete in .*nowhere.*expected there: MNIST/raw"),
    "folder missing": (["data=image_folder", "data.root=nowhere"], r"data.root=/.*/nowhere is no directory"),
    "output taken": (["output=taken"], r"output=taken holds something already; name a new directory"),
    "our own trainer setting": (["task=train", "+trainer.logger=true"], r"trainer.logger is set by the program itself"),
    "too small images": (["task=train", "model=tiny_lenet", "data=image_folder", "data.root=tiny"], r"at least 12x12 pixels, got 8x8"),
    "validation too large": (["task=train", "data.val_size=2000"], r"data.val_size must be less than the 1437 training images"),
    "nothing chosen": (["schedule=null"], r"a group's choice cannot be null"),
    "no visualizer": (["visualizer=[]"], r"visualizer must be chosen"),
    "no checkpoint settings": (["checkpoint=null"], r"checkpoint must be chosen; got None"),
    "a visualizer emptied": (["visualizer.gcm=null"], r"gcm must be chosen; got None"),
    "no epochs": (["task=train", "trainer.max_epochs=0"], r"trainer.max_epochs must be 1 or more.*got 0"),
    "no end": (["task=train", "trainer.max_epochs=-1"], r"trainer.max_epochs must be 1 or more.*got -1"),
    "negative rate": (["optimizer.lr=-1"], r"optimizer.lr: must be greater than or equal to 0; got -1"),
    "no momentum to cycle": (["optimizer=adam", "optimizer._target_=torch.optim.Adagrad"], r"schedule: .*momentum"),
    "shift beyond the image": (["task=train", "data.crop_padding=40"], r"data.crop_padding must be less than the images' size \(32, 32\), got 40"),
    "no widths": (["model=cnn", "model.widths=[]"], r"model.widths: must"),
    "huge seed": (["seed=5000000000"], r"seed: must be less than 4294967296"),
    "devices": (["task=train", "trainer.devices=abc"], r"trainer.devices: must be .*; got 'abc'"),
    "weights for a training": (["task=train", "weights=taken"], r"task=train does not use weights="),
    "resume for an evaluation": (["task=explain", "weights=taken", "resume=taken"], r"task=explain does not use resume="),
    "late image choice": (["label=ten"], r"no class 'ten'"),
    "baseline": (["task.baseline.widths=[a]"], r"model.widths: "),
    "two ways to choose": (["indices=[1]", "label=2"], r"indices= and label= both choose images"),
    "foreign target": (["model._target_=os.system"], r"model._target_ must lie in gcm"),
    "no filter paths": (["task=filters", "weights=gcm_digits"], r"gcm_digits is a GCM; filter paths are defined for networks of the family"),
    "no filter paths in why": (["task=why", "weights=cnn_digits", "indices=[0]"], r"cnn_digits is a CNN; filter paths are defined"),
    "no layer chosen": (["task=filter_images", "weights=gcm_digits"], r"no filter paths; choose a layer with task.layer=, one of encoder.0, "),
    "no such layer": (["task=filter_images", "weights=gcm_digits", "task.layer=encodr.3", "task.images_per_class=9"], r"GCM has no layer 'encodr.3'; did you mean encoder.3\?"),
    "more images than a class has": (["task=regions", "weights=gcm_digits", "task.images_per_class=1000"], r"class 0 has \d+ images in this split, got images_per_class=1000; at most \d+"),
    "grid that does not divide": (["task=regions", "weights=gcm_digits", "task.grid=5"], r"grid must divide images of 32x32 pixels, got 5; allowed: 1, 2, 4, 8, 16, 32"),
    "start and count for regions": (["task=regions", "weights=gcm_digits", "start=100"], r"task=regions does not use start="),
    "count for filter images": (["task=filter_images", "weights=gcm_digits", "count=3"], r"task=filter_images does not use count="),
    "other data for a report": (["task=report", "weights=gcm_digits", "data=mnist"], r"task=report tests on the training's own data; leave out data="),
    "other data to verify on": (["task=verify", "data.val_size=100"], r"task=verify tests on the training's own data; leave out data.val_size="),
    "output taken, before a long study": (["task=filter_images", "weights=gcm_digits", "task.layer=encoder.0", "task.images_per_class=9", "output=taken"], r"holds something already; name a new directory$"),
    "unknown fill": (["task=regions", "weights=gcm_digits", "task.fill=white"], r"task.fill: must be 'black' or 'mean'; got 'white'"),
    "tolerance of another word": (["task=noise_mask", "weights=gcm_digits", "task.tolerance=small"], r"task.tolerance: must be .*'auto'; got 'small'"),
    "noise on all pixels and more": (["task=noise_mask", "weights=gcm_digits", "task.placed=2"], r"task.placed: must be less than or equal to 1"),
    "noise masks of a stranger": (["task=noise_mask", "resume=taken"], r"taken is no run directory of task=noise_mask: study.json cannot be read"),
    "regions of a stranger": (["task=regions", "resume=taken"], r"taken is no run directory of task=regions: study.json cannot be read"),
    "grammar": (["data.batch_size=[1,"], r"'data.batch_size=\[1,' cannot be read"),
}  # fmt: skip
if not torch.cuda.is_available():
    WRONG["no GPU"] = (["task=train", "trainer.accelerator=gpu"], r"trainer: .*try trainer.accelerator=cpu")


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """Files of all sorts, and no network."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/precious").write_text("result")
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    (tmp_path / "broken.ckpt").write_bytes(b"PK\x03\x04 cut off")
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "tiny" / name).mkdir(parents=True)
        for index in range(3):
            Image.new("L", (8, 8)).save(tmp_path / "tiny" / name / f"{index}.png")

    def no_network(*_, **__):
        from urllib.error import URLError

        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", no_network)
    return tmp_path


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_one_line(train_py, surroundings, words, message):
    before = set(surroundings.rglob("*"))
    import re

    assert re.search(message, train_py(*words).error)
    assert set(surroundings.rglob("*")) - before <= {surroundings / "runs"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["indices=[0,360]"], r"indices must name test images 0 to 359, got \[0, 360\]"),
        (["indices=[]"], r"indices must name test images 0 to 359, got \[\]"),
        (["start=360"], r"start must be 0 to 359, got 360"),
        (["label=seven"], r"no class 'seven'; the classes are 0, 1, 2"),
        (["label=7", "count=100"], r"only 36 test images of class 7 from start=0 on, got count=100"),
        (["visualizer=[cam]"], r"none of the visualizers cam fits gcm_digits"),
        (["weights=[run,run]"], r"task=explain looks at one network, got 2"),
    ],
)
def test_wrong_images_to_explain(trained_run, train_py, words, message):
    import re

    words = words if words[0].startswith("weights") else [f"weights={trained_run}", *words]
    assert re.search(message, train_py("task=explain", *words).error)


@pytest.fixture
def trained_run(train_py):
    assert (
        train_py(
            "task=train", "model.widths=[2,3,4]", "trainer.max_epochs=1", "data.batch_size=1024", "output=run"
        ).code
        == 0
    )
    return "run"


def test_a_directory_of_several_runs_names_them(train_py, trained_run, tmp_path):
    (tmp_path / "both").mkdir()
    (tmp_path / "run").rename(tmp_path / "both/gcm")
    assert "name one of those below it: both/gcm" in train_py("task=test", "weights=both").error


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model=cnn", "model cannot change on resume; allowed: trainer."),
        ("trainer.max_epochs=9", "trainer.max_epochs cannot change on resume: the learning rate's schedule"),
        ("trainer.precision=bf16-mixed", "run has finished: 1 epochs, 1 steps; nothing is left to resume"),
    ],
)
def test_what_cannot_be_resumed(train_py, trained_run, word, message):
    assert message in train_py("task=train", "resume=run", word).error
