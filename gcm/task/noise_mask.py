"""`task=noise_mask`: what does not matter in an image."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import MinLen
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.chosen import chosen_images
from gcm.cli.console import say, say_next, show_table, step_progress
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.resume.study import StoredStudy, now_and_then, read_arrays, resumed, write_arrays
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.cli.settings import settings_of
from gcm.data import ImageData, as_pixels
from gcm.error import InputError
from gcm.study.noise_mask.table import NOISE_MASK_MEANING, draw_noise_masks, trial_rows, write_noise_masks
from gcm.study.noise_mask.trial import TrialSettings, found_masks
from gcm.types import Count, NonNegativeNumber, PositiveCount, PositiveNumber, Share
from gcm.visualizer.masked_network import Thresholds, check_can_be_masked
from gcm.visualizer.noise_mask_search import NoiseMasks, NoiseMaskSearch, NoiseMaskSettings
from gcm.zoo import SavedNetwork


@dataclass(frozen=True, kw_only=True)
class NoiseMaskStudy(StoredStudy):
    """A study of noise masks.

    Attributes:
        indices: places in the test split.
        mask: settings of the search for masks.
        trial: settings of their trial.
    """

    task = "noise_mask"
    indices: Annotated[list[Count], MinLen(1)]
    mask: NoiseMaskSettings
    trial: TrialSettings


@task(
    help="what does not matter in an image: weights=cnn_digits indices=[0]",
    reads=("weights", *CHOSEN_IMAGES),
    resumable=True,
)
def noise_mask(
    config: DictConfig,
    samples: PositiveCount = 20,
    steps: PositiveCount = 300,
    learning_rate: PositiveNumber = 0.02,
    last_rate: Share = 0.05,
    tolerance: NonNegativeNumber | Literal["auto"] = "auto",
    first_threshold: NonNegativeNumber | None = 0.2,
    hidden_threshold: NonNegativeNumber | None = 0.0,
    output_threshold: NonNegativeNumber | None = None,
    settled: Share = 0.05,
    copies: PositiveCount = 200,
    placed: Share = 0.25,
) -> None:
    """Find the noise masks of the chosen test images, and put them to the test.

    With `resume=` an interrupted run goes on, by its own settings.
    """
    if config.resume is not None:
        with resumed_directory(config) as directory:
            study, (saved,), data = resumed(NoiseMaskStudy, config, directory)
            measure_noise_masks(study, saved, data, device_of(config), directory)
        return
    saved = named_network(config)
    data = named_data(config, [saved])
    study = NoiseMaskStudy.of(
        config,
        saved,
        indices=chosen_images(settings_of(config), data.test.labels, data.class_names()).tolist(),
        mask=NoiseMaskSettings(
            samples=samples,
            steps=steps,
            learning_rate=learning_rate,
            last_rate=last_rate,
            tolerance=tolerance,
            thresholds=Thresholds(first=first_threshold, hidden=hidden_threshold, output=output_threshold),
            settled=settled,
            seed=config.seed,
        ),
        trial=TrialSettings(copies=copies, placed=placed, seed=config.seed),
    )
    with run_directory(config, saved) as directory:
        measure_noise_masks(study, saved, data, device_of(config), directory)


def measure_noise_masks(
    study: NoiseMaskStudy, saved: SavedNetwork, data: ImageData, device: torch.device, directory: Path
) -> None:
    if max(study.indices) >= len(data.test):
        raise InputError(f"{data.name} has {len(data.test)} test images; {directory} studies no. {max(study.indices)}")
    images, labels = data.test[torch.tensor(study.indices)]
    pixels, network = as_pixels(images, device), saved.network().to(device)
    check_can_be_masked(network, pixels[:1])
    study.write(directory)
    batches = study.mask.batches(images)
    with step_progress(len(batches) * study.mask.steps) as show:

        def finish(search: NoiseMaskSearch, number: int) -> NoiseMasks:
            path = directory / f"search_{number}.npz"
            save_now_and_then = now_and_then(partial(write_search, images=batches[number], path=path))

            def after_step(search: NoiseMaskSearch) -> None:
                save_now_and_then(search)
                show(number * study.mask.steps + search.step, how_it_stands(search))

            restore(search, batches[number], path)
            search.run(after_step)
            write_search(search, batches[number], path)
            show((number + 1) * study.mask.steps, how_it_stands(search))
            return search.masks

        found = found_masks(network, pixels, study.mask, study.trial, finish)
    title = f"{saved.card.name}: noise masks"
    write_noise_masks(found, study.indices, labels, saved.card.spec.classes, title, directory)
    path = directory / "noise_masks.png"
    draw_noise_masks(found, study.indices, study.trial, title, path)
    show_table(f"{title}, {len(found.images)} images", trial_rows(found))
    say(NOISE_MASK_MEANING)
    say(f"figure: {path}; files: {directory}")
    say_next("task=faithfulness", f"weights={saved.path}", "visualizer=noise_mask")


def how_it_stands(search: NoiseMaskSearch) -> str:
    """Return the two terms of E in the last step: means over the images that took it."""
    excess, noise = (history[:, search.step - 1].nanmean() for history in (search.masks.excess, search.masks.noise))
    return f"excess {excess:.4f}, noise {noise:.3f}"


def write_search(search: NoiseMaskSearch, images: Tensor, path: Path) -> None:
    """Write a search; `images` are those of the search, uint8."""
    write_arrays(path, {name: value.detach().cpu().numpy() for name, value in search.state().items()}, images)


def restore(search: NoiseMaskSearch, images: Tensor, path: Path) -> None:
    """Go on from the file of an interrupted run, if there is one."""
    if path.is_file():
        arrays = read_arrays(path, images, "its images start")
        try:
            search.restore({name: torch.from_numpy(value) for name, value in arrays.items()})
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(f"{path} cannot be read ({error}); delete it, and its images start anew") from None
