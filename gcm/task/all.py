"""`task=all`, the default: the whole job from images to table and figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from gcm.atomic_write import write_json
from gcm.cli.console import say, say_next, show_results
from gcm.cli.declaration import CHOSEN_IMAGES, TRAINING_SETTINGS, task
from gcm.cli.device import device_of
from gcm.cli.distributed import Share, goes_on_alone
from gcm.cli.fitted import fitted
from gcm.cli.image_data import image_data
from gcm.cli.resume.training import all_words, resumable, resumed_config, write_config
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.cli.settings import check_model, chosen, settings_of, task_overrides
from gcm.data import ImageData
from gcm.error import listed
from gcm.instantiate import instantiate
from gcm.rendering import Product
from gcm.task.decline_ratio import decline_ratio_measured, write_decline_ratio_table
from gcm.task.explain import Drawn, chosen_images, draw_explanation
from gcm.task.train import say_unless_complete, train_or_go_on
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork, read_saved


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
    """The config as it suits the images; a wrong file or choice of images is found before the work begins."""
    data = image_data(config.data)
    data.check()
    chosen_images(settings_of(config), data.test.labels, data.class_names())
    return fitted(config, data)


def whole_job(config: DictConfig, directory: Path, overrides: Sequence[str]) -> None:
    """What an earlier part of the job finished in the directory is kept, what it began goes on."""
    configs = {config.names.model: config}
    configs.setdefault(config.names.baseline, with_model(config, config.names.baseline, config.task.baseline))
    data = image_data(config.data)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    results = [train_or_go_on(part, directory / name, overrides) for name, part in configs.items()]
    if not goes_on_alone():
        return
    write_json(directory / "result.json", results[0])
    networks = [read_saved(directory / name) for name in configs]
    cells = decline_ratio_measured(config, networks, data, Share(0, 1, device_of(config)))
    write_decline_ratio_table(cells, data, directory, images=None)
    draw_own_maps(config, networks[0], data, indices, directory)
    show_results(results)
    say(f"decline ratio: {directory}/decline_ratio.csv, .md and .png")
    say(f"trained networks: {listed(directory / name for name in configs)}")
    say_unless_complete(config, directory, *(directory / name for name in configs))
    say_next("task=explain", f"weights={directory / config.names.model}", f"label={data.class_names()[0]}")


def with_model(config: DictConfig, name: str, model: Mapping[str, Any]) -> DictConfig:
    """The same training of another network."""
    changed = config.copy()
    changed.names.model = name
    OmegaConf.update(changed, "model", dict(model), merge=False)
    return changed


def draw_own_maps(config: DictConfig, saved: SavedNetwork, data: ImageData, indices: Tensor, directory: Path) -> None:
    """The network's own maps times the image; of a network that has none, the first visualizer that fits."""
    network = saved.network()
    visualizers: dict[str, Visualizer] = {
        name: instantiate(part, key=f"visualizer.{name}") for name, part in config.visualizer.items()
    }
    fitting = [(name, visualizer) for name, visualizer in visualizers.items() if not visualizer.misfit(network)]
    if not fitting:
        say(f"no figure: none of the visualizers {listed(visualizers)} fits {saved.card.name}")
        return
    own = [pair for pair in fitting if pair[1].by_design] or fitting
    drawn = Drawn(*own[0], "product", Product())
    path = directory / f"{drawn.visualizer_name}_product.png"
    draw_explanation(saved, drawn, data.test, indices, path, device_of(config))
    say(f"class maps: {path}")
