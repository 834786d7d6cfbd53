"""`task=all`, the default: the whole job from images to table and figure."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gcm.build import build
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.file import write_json
from gcm.rendering import Product
from gcm.report.console import say, show_results
from gcm.task.decline_ratio import decline_ratio_table
from gcm.task.explain import Drawn, chosen_images, draw_explanation
from gcm.task.run_directory import run_directory
from gcm.task.settings import chosen, settings_of
from gcm.task.train import train_network
from gcm.task.weights import device_of
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork, read_saved


def all_in_one(config: DictConfig, baseline: dict[str, Any]) -> None:
    """Train `model=` and the baseline, test both, make the decline-ratio table of both and a figure of the first.

    Post-hoc visualizers explain the baseline, by-design ones their own network, as in the GCM paper.
    """
    if config.resume is not None:
        raise InputError("resume= goes on with one training: add task=train")
    baseline_name = chosen("model@task.baseline")
    configs = {config.names.model: config, baseline_name: with_model(config, baseline_name, baseline)}
    with run_directory(config) as directory:
        results = [train_network(part, directory / name) for name, part in configs.items()]
        if int(os.environ.get("LOCAL_RANK", 0)) > 0:  # of a distributed training only the first process goes on
            return
        networks = [read_saved(directory / name) for name in configs]
        data = networks[0].data()
        decline_ratio_table(config, networks, data.test, directory, post_hoc_on_by_design=False)
        figure = draw_own_maps(config, networks[0], data, directory)
        write_json(directory / "result.json", results[0])
    show_results(results)
    say(f"class maps: {figure}")
    say(f"decline ratio: {directory}/decline_ratio.csv, .md and .png")
    say(f"trained networks: {listed(directory / name for name in configs)}")
    say(f"next: python train.py task=explain weights={directory / config.names.model} label={data.spec.classes[0]}")


def with_model(config: DictConfig, name: str, model: Mapping[str, Any]) -> DictConfig:
    """The same training of another network."""
    changed = config.copy()
    changed.names.model = name
    OmegaConf.update(changed, "model", dict(model), merge=False)
    return changed


def draw_own_maps(config: DictConfig, saved: SavedNetwork, data: ImageData, directory: Path) -> Path:
    """The network's own maps times the image; of a network that has none, the first visualizer that fits."""
    network = saved.network()
    visualizers: dict[str, Visualizer] = {
        name: build(part, key=f"visualizer.{name}") for name, part in config.visualizer.items()
    }
    fitting = [(name, visualizer) for name, visualizer in visualizers.items() if not visualizer.misfit(network)]
    if not fitting:
        raise InputError(
            f"none of the visualizers {listed(visualizers)} fits {saved.name}; choose others with visualizer="
        )
    own = [pair for pair in fitting if pair[1].by_design] or fitting
    drawn = Drawn(*own[0], "product", Product())
    indices = chosen_images(settings_of(config), data.test.labels, data.spec)
    path = directory / f"{drawn.visualizer_name}_product.png"
    draw_explanation(saved, drawn, data.test, indices, path, device_of(config))
    return path
