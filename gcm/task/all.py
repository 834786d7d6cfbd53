"""`task=all`, the default: the whole job from images to table and figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from gcm.atomic_write import write_json
from gcm.cli.chosen import chosen_images
from gcm.cli.console import say, say_next, show_results
from gcm.cli.declaration import CHOSEN_IMAGES, TRAINING_SETTINGS, task
from gcm.cli.decline_ratio import measured_cells, write_decline_ratio_table
from gcm.cli.device import device_of
from gcm.cli.distributed import Rank, goes_on_alone
from gcm.cli.fitted import fitted
from gcm.cli.image_data import image_data
from gcm.cli.named_networks import distinct_names
from gcm.cli.resume.training import all_words, resumable, resumed_config, write_config
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.cli.settings import check_model, chosen, settings_of, task_overrides
from gcm.cli.train_network import say_unless_complete, train_or_go_on
from gcm.data import Split, as_pixels
from gcm.error import listed
from gcm.instantiate import instantiate_all
from gcm.model import Classifier
from gcm.rendering import Product
from gcm.study.class_maps.figure import ImagesOfNetwork
from gcm.visualizer.base import fitting
from gcm.zoo import read_saved


@task(
    help="train the model and the baseline CNN, test both, decline-ratio table, class-map figure (the default)",
    reads=(*TRAINING_SETTINGS, *CHOSEN_IMAGES, "visualizer", "rendering", "metric"),
    trains=True,
    parallel=True,
    resumable=True,
    leaves_result=True,
)
def all_in_one(config: DictConfig, baseline: dict[str, Any]) -> None:
    """Train `model=` and the baseline, test both, make the decline-ratio table of both and a figure of the first.

    Post-hoc visualizers explain the baseline, by-design ones their own network, as in the GCM paper. With `resume=` a
    stopped job goes on, by its own config.
    """
    if config.resume is not None:
        with resumed_directory(config) as directory:
            begun = resumable(directory)
            whole_job(resumed_config(config, begun, directory), directory, all_words(begun))
        return
    with open_dict(config):
        config.names.baseline = chosen("model@task.baseline")
    check_model(baseline)
    config = checked(config)
    with run_directory(config) as directory:
        write_config(directory, config, task_overrides())
        whole_job(config, directory, task_overrides())


def checked(config: DictConfig) -> DictConfig:
    """Return the config as it suits the images; a wrong file or choice of images is found before the work begins."""
    data = image_data(config.data)
    data.check()
    chosen_images(settings_of(config), data.test.labels, data.class_names())
    return fitted(config, data)


def whole_job(config: DictConfig, directory: Path, overrides: Sequence[str]) -> None:
    """Do the whole job: a part that an earlier one finished in the directory is kept, a begun one goes on."""
    configs = {config.names.model: config}
    configs.setdefault(config.names.baseline, with_model(config, config.names.baseline, config.task.baseline))
    data = image_data(config.data)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    results = [train_or_go_on(part, directory / name, overrides) for name, part in configs.items()]
    if not goes_on_alone():
        return
    write_json(directory / "result.json", results[0])
    device = device_of(config)
    saved = [read_saved(directory / name) for name in configs]
    networks = [one.network().to(device) for one in saved]
    cells = measured_cells(config, zip(distinct_names(saved), networks, strict=True), data, Rank(0, 1, device))
    write_decline_ratio_table(cells, data, directory, images=None)
    draw_own_maps(config, saved[0].card.name, networks[0], data.test, indices, directory)
    show_results(results)
    say(f"decline ratio: {directory}/decline_ratio.csv, .md and .png")
    say(f"trained networks: {listed(directory / name for name in configs)}")
    say_unless_complete(config, directory, *(directory / name for name in configs))
    say_next("task=explain", f"weights={directory / config.names.model}", f"label={data.class_names()[0]}")


def with_model(config: DictConfig, name: str, model: Mapping[str, Any]) -> DictConfig:
    """Return the config of the same training of another network."""
    changed = config.copy()
    changed.names.model = name
    OmegaConf.update(changed, "model", dict(model), merge=False)
    return changed


def draw_own_maps(
    config: DictConfig, name: str, network: Classifier, split: Split, indices: Tensor, directory: Path
) -> None:
    """Draw the network's own maps times the image; of a network that has none, the first visualizer that fits."""
    visualizers = instantiate_all(config.visualizer, "visualizer")
    fit = fitting(visualizers, network)
    if not fit:
        say(f"no figure: none of the visualizers {listed(visualizers)} fits {name}")
        return
    first = next((key for key, visualizer in fit.items() if visualizer.by_design), next(iter(fit)))
    images, labels = split[indices]
    classified = ImagesOfNetwork.of(name, network, as_pixels(images, device_of(config)), labels)
    (path,) = classified.draw(first, fit[first], {"product": Product()}, directory)
    say(f"class maps: {path}")
