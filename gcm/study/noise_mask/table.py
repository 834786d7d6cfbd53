"""Noise masks and their trial become tables and figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gcm.atomic_write import markdown_table, write_csv, write_text, write_whole
from gcm.draw import Panel, draw_grid
from gcm.study.noise_mask.trial import JUDGES, NOISES, TRIAL, FoundMasks, Noise, TrialSettings, trial_strengths
from gcm.visualizer.noise_mask_search import uniform_noise, with_noise

MOST_ROWS = 20
"""The most rows of a figure."""
NOISE_MASK_MEANING = (
    "A noise mask says how strong noise may be at each pixel so that the network hardly notices: 1 (white), the pixel "
    "does not matter; 0 (black), it does. `masked`: the network in which only those units work that the image itself "
    "activates, for which masks are found; `real`: the network as it is."
)
NAMES: dict[Noise, str] = {
    "mask": "as strong as the mask",
    "high": "full, where the mask is high",
    "random": "full, anywhere",
    "low": "full, where the mask is low",
}


def image_rows(
    found: FoundMasks, indices: Sequence[int], labels: Tensor, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a line for each image; nothing is rounded."""
    masks = found.masks
    return [
        {
            "image": index,
            "class": classes[int(labels[row])],
            **{f"predicted_{judge}": classes[int(found.predicted[judge][row])] for judge in JUDGES},
            "tolerance": float(masks.tolerance[row]),
            "steps": int(masks.steps[row]),
            "settled": bool(masks.settled[row]),
            "excess": last(masks.excess[row]),
            "noise": last(masks.noise[row]),
            **{
                f"{name}_{noise}_{judge}": float(getattr(found.trials[noise, judge], name)[row])
                for noise in NOISES
                for judge in JUDGES
                for name in ("change", "kept")
            },
        }
        for row, index in enumerate(indices)
    ]


def last(history: Tensor) -> float:
    """Return the last value before NaNs."""
    return float(history[~history.isnan()][-1])


def trial_rows(found: FoundMasks) -> list[dict[str, Any]]:
    """Return a row for each noise: what it does to the masked and the real network, means over the images."""
    count = len(found.images)
    rows = []
    for noise in NOISES:
        row: dict[str, Any] = {"noise": NAMES[noise]}
        for judge in JUDGES:
            trial = found.trials[noise, judge]
            row[f"{judge}: change of logits"] = f"{trial.change.mean():.3f}"
            row[f"{judge}: same class"] = f"{trial.kept.mean():.1%}"
            if noise != "mask":
                row[f"{judge}: least change of three"] = f"{found.least(judge).count(noise)} of {count}"
        rows.append(row)
    return rows


def write_noise_masks(
    found: FoundMasks, indices: Sequence[int], labels: Tensor, classes: Sequence[str], title: str, directory: Path
) -> None:
    """Write `noise_masks.npz`, `noise_masks.csv`, a line for each image, and `noise_masks.md`.

    The npz file holds masks, tolerances and the history of E.
    """
    arrays = {name: value.numpy() for name, value in vars(found.masks).items()}
    arrays["image"] = np.asarray(indices)
    write_whole(directory / "noise_masks.npz", lambda partial: np.savez(partial, allow_pickle=False, **arrays))
    write_csv(directory / "noise_masks.csv", image_rows(found, indices, labels, classes))
    text = f"# {title}\n\n{NOISE_MASK_MEANING}\n\n{markdown_table(trial_rows(found))}"
    write_text(directory / "noise_masks.md", text)


def draw_noise_masks(found: FoundMasks, indices: Sequence[int], trial: TrialSettings, title: str, path: Path) -> None:
    """Draw a row for each of the first images: the image, its mask, and what each noise of the trial makes of it."""
    strengths = trial_strengths(found.masks.strength, trial)
    draws = uniform_noise(1, found.images, trial.seed, TRIAL)
    noisy = {noise: with_noise(found.images, strength, draws).squeeze(1) for noise, strength in strengths.items()}
    rows: list[list[Panel | None]] = []
    for row, image in enumerate(found.images[:MOST_ROWS]):
        rows.append(
            [
                Panel(image),
                Panel(found.masks.strength[row].unsqueeze(0), note=f"mean {found.masks.strength[row].mean():.2f}"),
                *(
                    Panel(noisy[noise][row], note=f"same class {found.trials[noise, 'real'].kept[row]:.0%}")
                    for noise in NOISES
                ),
            ]
        )
    names = ["image", "noise mask (white: does not matter)", *(f"noise {NAMES[noise]}" for noise in NOISES)]
    explained = f"{title}; same class: of the noisy copies, by the real network; pixels outside [0,1] are cut off"
    draw_grid(rows, [f"no. {index}" for index in indices[:MOST_ROWS]], names, explained, path)
