"""Every config builds, every module has a config, every key is a real parameter."""

import importlib
import inspect
import pkgutil
from functools import cache

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sample import ROOT, configured

from gcm.cli.settings import GIVEN_BY_US
from gcm.data import ImageData, ImageSpec
from gcm.error import InputError
from gcm.instantiate import check_settings, instantiate, resolve
from gcm.metric import MapMetric
from gcm.model import Classifier
from gcm.rendering import Rendering
from gcm.visualizer import Visualizer

CONFIGS = ROOT / "configs"
OPEN_ENDED = {"model": ImageSpec.of(3, 32, 10)}


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


@cache
def composed(*overrides: str):
    """The same object for the same words, for looking at only."""
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


@pytest.mark.parametrize("group", ["visualizer", "rendering", "metric"])
def test_all_is_all(group):
    assert set(composed(f"{group}=all")[group]) == set(configured(group))


BASES = {
    "data": ImageData,
    "model": Classifier,
    "visualizer": Visualizer,
    "rendering": Rendering,
    "metric": MapMetric,
}
NOT_CHOSEN = {"data": {"TorchvisionData"}, "model": {"ContributionMapping", "PathNetwork"}}
"""What members of a group have in common."""


@pytest.mark.parametrize("group", BASES)
def test_every_member_has_a_config(group):
    """Whatever is defined in the group's folder, named anywhere or not."""
    package = importlib.import_module(f"gcm.{group}")
    modules = [
        importlib.import_module(f"gcm.{group}.{module.name}") for module in pkgutil.iter_modules(package.__path__)
    ]
    members = {
        value.__name__
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, BASES[group]) and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    }  # fmt: skip
    configured_classes = {settings["_target_"].rpartition(".")[2] for settings in configured(group).values()}
    if group == "metric":
        configured_classes -= {"DeclineRatio"}
    assert members - NOT_CHOSEN.get(group, set()) == configured_classes


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
