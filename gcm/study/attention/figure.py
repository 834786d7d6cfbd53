"""Images with highlights show where a network looks, on black where it is right and on white where it is wrong."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gcm.atomic_write import write_whole
from gcm.draw.base import new_figure, rounded, save

HIGHLIGHT = (0.90, 0.45, 0.0)
OPACITY = 0.85
"""The opacity of the strongest highlight."""
COLOURS = LinearSegmentedColormap.from_list("highlight", [(0, 0, 0), tuple(OPACITY * part for part in HIGHLIGHT)])
EVIDENCE = "evidence for the class that is explained"
LEGEND = "black ground: right, white ground: wrong"
COLUMNS = 5
"""The columns of a sheet."""
LINE, COLOURS_OF_FRAME = 18, 64
"""The height in pixels of an animation's line of text above, and the number of colours of a picture."""


@dataclass(frozen=True)
class AttendedImages:
    """A network's results for some images, and where it looks.

    Attributes:
        images: `(N,C,H,W)`, in [0,1].
        attention: `(N,H,W)`, 0 or more.
        right: which images are classified correctly, `(N,)`.
        name: said beside them.
    """

    images: Tensor
    attention: Tensor
    right: Tensor
    name: str

    @property
    def scale(self) -> float:
        """The attention of full strength: the 99.8th percentile over all images."""
        return float(np.quantile(self.attention.numpy(), 0.998)) or 1.0


def tiles(attended: AttendedImages) -> Tensor:
    """Return the images `(N,H,W,3)` in [0,1]: wrong ones as negatives, highlights by strength, all on one scale."""
    ground = attended.images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    ground = torch.where(attended.right[:, None, None, None], ground, 1 - ground)
    strength = OPACITY * (attended.attention / attended.scale).clamp(0, 1).unsqueeze(3)
    return (1 - strength) * ground + strength * torch.tensor(HIGHLIGHT)


def draw_sheet(attended: AttendedImages, captions: Sequence[str], title: str, path: Path) -> None:
    """Draw the images in rows of five, a caption below each."""
    rows = -(-len(captions) // COLUMNS)
    columns = min(COLUMNS, len(captions))
    width = max(1.25 * columns + 0.6, 4.5)
    figure = new_figure(width, 1.6 * rows + 1.5)
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * width))), fontsize=10)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, tile, caption in zip(axes.flat, tiles(attended), captions, strict=False):
        ax.imshow(tile.numpy())
        ax.set_title(caption, fontsize=8)
    add_strength(figure, axes, attended.scale)
    save(figure, path)


def draw_attention_rows(several: Sequence[AttendedImages], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw a row for each of several networks or steps, all of the same images.

    The images come class by class, equally many of each.
    """
    mosaics = [mosaic(attended, len(classes)) for attended in several]
    height, width = mosaics[0].shape[:2]
    inches = 0.75 * len(classes) + 1.6
    figure = new_figure(inches, (inches - 1.6) * height / width * len(several) + 0.35 * len(several) + 1.2)
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * inches))), fontsize=10)
    axes = figure.subplots(len(several), 1, squeeze=False)[:, 0]
    for ax, attended, picture in zip(axes, several, mosaics, strict=True):
        ax.imshow(picture)
        ax.set(yticks=[], xticks=[])
        ax.set_frame_on(False)
        ax.set_ylabel(f"{attended.name}\n{full_orange(attended)}", fontsize=9, rotation=0, ha="right", va="center")
    block = width / len(classes)
    axes[0].set_xticks([block * (number + 0.5) for number in range(len(classes))], classes, fontsize=9)
    axes[0].tick_params(length=0, labeltop=True, labelbottom=False)
    add_strength(figure, axes, None)
    save(figure, path)


def mosaic(attended: AttendedImages, classes: int) -> Any:
    """Return the images of each class in two columns, the classes side by side, `(h,w,3)`."""
    pictures = tiles(attended).unflatten(0, (classes, -1))
    per_class, height, width = pictures.shape[1:4]
    lines, gap = -(-per_class // 2), max(2, width // 8)
    canvas = np.full((lines * height, classes * (2 * width + gap) - gap, 3), 0.5)
    for number, of_class in enumerate(pictures):
        for place, picture in enumerate(of_class):
            line, column = divmod(place, 2)
            left = number * (2 * width + gap) + column * width
            canvas[line * height : (line + 1) * height, left : left + width] = picture.numpy()
    return canvas


def full_orange(attended: AttendedImages) -> str:
    """Return which evidence is drawn in full strength."""
    return f"full orange: {rounded(attended.scale, 2)}"


def add_strength(figure: Figure, axes: Any, scale: float | None) -> None:
    """Add the colour bar; `scale` None: each row has its own, which is written beside it."""
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, scale or 1), cmap=COLOURS), ax=axes, orientation="horizontal", fraction=0.03,
        pad=0.02, aspect=50,
    )  # fmt: skip
    if scale is None:
        bar.set_ticks([0, 1], labels=["0", "full orange:\nsee each row"])
    bar.set_label(f"{EVIDENCE}; {LEGEND}", fontsize=8)


def write_animation(several: Sequence[AttendedImages], classes: Sequence[str], path: Path) -> None:
    """Write a GIF with a picture for each of several networks or steps.

    Its name and the classes stand above, the meaning of the colours below.
    """
    font = ImageFont.load_default(size=LINE - 4)
    frames = []
    for attended in several:
        picture = Image.fromarray((255 * mosaic(attended, len(classes))).astype(np.uint8))
        frame = Image.new("RGB", (picture.width, picture.height + 3 * LINE), "white")
        frame.paste(picture, (0, 2 * LINE))
        text = ImageDraw.Draw(frame)
        text.text((4, 1), f"{attended.name}; {full_orange(attended)}", fill="black", font=font)
        for number, name in enumerate(classes):
            text.text((4 + number * picture.width / len(classes), LINE + 1), name, fill="black", font=font)
        text.text((4, picture.height + 2 * LINE + 1), f"orange: {EVIDENCE}; {LEGEND}", fill="black", font=font)
        frames.append(frame.quantize(COLOURS_OF_FRAME))
    first, *others = frames
    write_whole(path, lambda partial: first.save(partial, save_all=True, append_images=others, duration=200, loop=0))
