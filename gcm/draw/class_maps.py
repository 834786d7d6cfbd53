"""Maps of every class are drawn beside each other and on one scale."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from torch import Tensor

from gcm.draw.base import new_figure, rounded, save, with_sign

DIVERGING = "RdBu_r"
AGAINST_AND_FOR = LinearSegmentedColormap.from_list("", [(0, "black"), (0.5, "white"), (0.5, "black"), (1, "white")])
"""The lightness of pictures in colour: against a class on white ground, for it on black."""
MARKS = "Below each class its score; red frame and bold name: the true class, ◀: the predicted one."
FULL = "Strongest: the value of a pixel at which colours are full, the same in all maps of an image."
FALSE_COLOURS = "Colours: each map by itself, from its smallest value, blue, to its largest, red."
MOST_CLASSES = 10


def draw_class_maps(
    images: Tensor,
    pictures: Tensor,
    logits: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    title: str,
    in_colours: bool,
    path: Path,
    shown: Tensor | None = None,
    notes: Sequence[str] | None = None,
    limits: Sequence[float] | None = None,
) -> None:
    """Draw for each image a band of what speaks for each class, and one of what speaks against it, into the file
    `path`.

    Images `(N,C,H,W)` in [0,1], pictures of the classes `shown` `(N,T)`, `(N,T,c,h,w)` of any range, logits `(N,K)`,
    labels `(N,)`. Where `shown` is None the pictures are of all classes, and those of `classes_to_show` are drawn. All
    pictures of an image share one scale, up to the 99.8th percentile of their absolute values; pictures that are
    `in_colours` already are shown as they are. `limits` gives each image's scale instead, `notes` a line beside each
    image. Signs and scale are explained in the figure.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from gcm.draw import draw_class_maps
    >>> images, maps, logits = torch.zeros(1, 1, 8, 8), torch.rand(1, 2, 1, 8, 8) - 0.5, torch.tensor([[1.0, -1.0]])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "maps.png")
    ...     draw_class_maps(images, maps, logits, torch.tensor([0]), ["cat", "dog"], "Maps", False, path)
    ...     path.is_file()
    True
    """
    count = len(images)
    if shown is None:
        shown = classes_to_show(logits, labels)
        pictures = pictures[torch.arange(count).unsqueeze(1), shown]
    columns = shown.shape[1] + 1
    bands = 2 if bool((pictures < 0).any()) else 1
    width = 1.0 * columns + 0.9
    below_image = 0.0 if bands == 2 else 0.44 + (0.14 if notes else 0.0)
    figure = new_figure(width, (0.97 * bands + 0.36 + below_image) * count + 1.0)
    figure.suptitle("\n".join(textwrap.wrap(title, int(12 * width))), fontsize=10)
    axes = figure.subplots(bands * count, columns, squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for row in range(count):
        image_axes = axes[row * bands : (row + 1) * bands]
        true, predicted = int(labels[row]), int(logits[row].argmax())
        limit = 1.0 if in_colours else limits[row] if limits else scale_of(pictures[row])
        scale = "" if in_colours else f"strongest:\n{rounded(limit)}"
        said = f"predicted:\n{classes[predicted]}\n{scale}" + (f"\n{notes[row]}" if notes else "")
        draw_image_column(image_axes[:, 0], images[row], classes[true], said)
        for column, (index, picture) in enumerate(zip(shown[row].tolist(), pictures[row], strict=True), start=1):
            draw_bands(image_axes[:, column], picture, limit)
            image_axes[0, column].set_title(classes[index], fontsize=8, fontweight="bold" if index == true else None)
            mark = " ◀" if index == predicted else ""
            image_axes[-1, column].set_xlabel(f"{with_sign(float(logits[row, index]))}{mark}", fontsize=8)
            if index == true:
                frame(image_axes[:, column])
    explained = f"{MARKS} {FALSE_COLOURS if in_colours else FULL}"
    figure.supxlabel("\n".join(textwrap.wrap(explained, int(16 * width))), fontsize=8)
    if not in_colours:
        add_scale(figure, axes, DIVERGING if pictures.shape[2] == 1 else AGAINST_AND_FOR, against=bands == 2)
    save(figure, path)


def scale_of(pictures: Tensor) -> float:
    """Return the 99.8th percentile of the absolute values, so that single pixels do not darken all others; 1 if it is
    0.

    >>> import torch
    >>> from gcm.draw import scale_of
    >>> scale_of(torch.tensor([-3.0, 3.0])), scale_of(torch.zeros(2))
    (3.0, 1.0)
    """
    return float(np.quantile(pictures.abs().numpy(), 0.998)) or 1.0


def classes_to_show(logits: Tensor, labels: Tensor) -> Tensor:
    """Choose for each image at most ten classes, `(N,T)`: the true one and those with the highest scores.

    >>> import torch
    >>> from gcm.draw import classes_to_show
    >>> classes_to_show(torch.arange(12.0).unsqueeze(0), torch.tensor([0]))
    tensor([[ 0,  3,  4,  5,  6,  7,  8,  9, 10, 11]])
    """
    count = min(logits.shape[1], MOST_CLASSES)
    return torch.tensor([shown_classes(*image, count) for image in zip(logits, labels.tolist(), strict=True)])


def shown_classes(scores: Tensor, label: int, count: int) -> list[int]:
    """Return the true class and those with the highest scores, in the order of the classes."""
    ranked = [index for index in scores.argsort(descending=True).tolist() if index != label]
    return sorted([label, *ranked[: count - 1]])


def draw_image_column(axes: np.ndarray[Any, Any], image: Tensor, true: str, said: str) -> None:
    """Draw the image with its class; below it stand the prediction and the value of the scale's end."""
    axes[0].imshow(image.permute(1, 2, 0).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1)
    axes[0].set_title(f"true: {true}", fontsize=8)
    if len(axes) == 1:
        axes[0].set_xlabel(said.rstrip(), fontsize=8)
        return
    axes[0].set_ylabel("for", fontsize=8)
    axes[1].set_ylabel("against", fontsize=8)
    axes[1].set_frame_on(False)
    axes[1].text(0.5, 0.5, said, ha="center", va="center", fontsize=8)
    axes[1].set_xlabel("score:", fontsize=8)


def draw_bands(axes: np.ndarray[Any, Any], picture: Tensor, limit: float) -> None:
    """Draw a picture `(c,h,w)`, its positive part, then its negative one.

    One channel is drawn in diverging colours; three as an image, on black ground what speaks for the class, and on
    white ground what speaks against it.
    """
    parts = [picture.clamp_min(0), picture.clamp_max(0)][: len(axes)]
    for number, (ax, part) in enumerate(zip(axes, parts, strict=True)):
        if len(picture) == 1:
            ax.imshow(part[0].numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit)
        else:
            strength = (part.abs() / limit).clamp_max(1)
            ax.imshow((turned_light(strength) if number else strength).permute(1, 2, 0).numpy())


def turned_light(colours: Tensor) -> Tensor:
    """Turn the lightness of colours `(3,h,w)` in [0,1] round, white for black; hues stay as they are."""
    return (colours + 1 - colours.amax(0) - colours.amin(0)).clamp(0, 1)  # but for rounding in it already


def frame(axes: np.ndarray[Any, Any]) -> None:
    for ax in axes:
        for spine in ax.spines.values():
            spine.set(color="red", linewidth=3)


def add_scale(
    figure: Figure, axes: np.ndarray[Any, Any], colours: str | LinearSegmentedColormap, against: bool
) -> None:
    """Add a bar of the colours, or lightness, of 0 and of the strongest value, which is written beside each image."""
    bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), colours), ax=axes, fraction=0.02, pad=0.01, aspect=40)
    if against:
        bar.set_ticks([-1, 0, 1], labels=["strongest\nagainst", "0", "strongest\nfor"], fontsize=8)
    else:
        bar.ax.set_ylim(0, 1)
        bar.set_ticks([0, 1], labels=["0", "strongest"], fontsize=8)
    bar.set_label("value of a pixel", fontsize=8)
