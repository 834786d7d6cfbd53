"""Every config builds, every module has a config, every key is a real parameter."""

import importlib
import inspect

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sample import ROOT

from gcm.cli.settings import GIVEN_BY_US
from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.instantiate import check_settings, instantiate, resolve

CONFIGS = ROOT / "configs"
OPEN_ENDED = {"model": ImageSpec.of(3, 32, 10)}


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def composed(*overrides: str):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", list(overrides))


@pytest.mark.parametrize("group", ["data", "model"])
def test_every_config_of_a_group_builds(group):
    for name in names(group):
        arguments = [OPEN_ENDED[group]] if group in OPEN_ENDED else []
        instantiate(composed(f"{group}={name}")[group], *arguments, key=group)


@pytest.mark.parametrize("group", ["visualizer", "rendering", "metric"])
def test_every_config_of_a_nested_group_builds(group):
    for name in names(group):
        for key, part in composed(f"{group}={name}")[group].items():
            instantiate(part, key=f"{group}.{key}")


@pytest.mark.parametrize("group", ["optimizer", "schedule", "task"])
def test_every_key_is_a_parameter(group):
    for name in names(group):
        section = OmegaConf.to_container(composed(f"{group}={name}")[group], resolve=True)
        check_settings(resolve(section, group), section, given=GIVEN_BY_US.get(group, 1), key=group)


NOT_CONFIGURED = {
    "data": {"ImageData", "ImageSpec", "MemorySplit", "PlacedSplit", "Split"},
    "model": {
        "Classifier", "FeatureClassifier", "PooledClassifier", "PathNetwork", "ContributionMapping", "Interpretable", "Contributions",
        "StochasticClassifier",
    },
    "visualizer": {"Explanation", "Visualizer"},
    "rendering": {"Rendering"},
    "metric": {
        "Completeness", "CompletenessResidual", "Decline", "ExactMetric", "ExplainedBatch", "ImageMetric", "MapMetric", "Mean", "RankCorrelation",
        "RelativeChange",
    },
}  # fmt: skip


@pytest.mark.parametrize("group", NOT_CONFIGURED)
def test_every_class_has_a_config(group):
    package = importlib.import_module(f"gcm.{group}")
    public = {name for name in package.__all__ if inspect.isclass(getattr(package, name))}
    configured = {
        line.split(".")[-1].strip()
        for path in (CONFIGS / group).glob("*.yaml")
        for line in path.read_text().splitlines()
        if "_target_" in line
    }
    assert public - NOT_CONFIGURED[group] == configured


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_composes_and_names_its_command(name):
    composed(f"experiment={name}")
    assert f"python train.py experiment={name}" in (CONFIGS / "experiment" / f"{name}.yaml").read_text()


def test_the_command_line_beats_the_experiment():
    config = composed("experiment=gcm_mnist", "task=test", "trainer.max_epochs=1")
    assert config.task._target_ == "gcm.task.test.test"
    assert config.trainer.max_epochs == 1
    assert config.channels_last is True


def test_visualizers_are_chosen_in_a_list_and_set_by_name():
    config = composed("visualizer=[grad_cam,gcm]", "visualizer.grad_cam.relu=true")
    assert list(config.visualizer) == ["grad_cam", "gcm"]
    assert instantiate(config.visualizer.grad_cam, key="visualizer").relu is True


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os.system", "model._target_ must lie in gcm.model; got os.system"),
        ("gcm.atomic_write.write_text", "model._target_ must lie in gcm.model"),
        ("gcm.modelling.Anything", "model._target_ must lie in gcm.model"),
        ("gcm.model.gcm.chain", "must be defined in gcm.model"),
        ("gcm.model.Nothing", "nothing that exists"),
        (None, "model has no _target_"),
    ],
)
def test_a_config_cannot_call_what_is_not_ours(target, message):
    with pytest.raises(InputError, match=message):
        instantiate({"_target_": target}, key="model")
