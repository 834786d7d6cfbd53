"""Some layers settle early, and some late."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from gcm.draw.base import new_figure, save
from gcm.study.layer_convergence.numbers import HALF, LayerConvergence

STYLES = ("-", "--", "-.", ":")
PANELS = {"weights": "weights", "outputs": "outputs for the same images"}


def draw_layer_convergence(states: Sequence[LayerConvergence], title: str, path: Path) -> None:
    """Draw for weights and for outputs a line for each layer: the way still before it, over the iterations."""
    figure = new_figure(9, 3.8)
    figure.suptitle(title)
    layers = list(dict.fromkeys(state.layer for state in states))
    for ax, (what, name) in zip(figure.subplots(1, 2, sharey=True), PANELS.items(), strict=True):
        for layer, style in zip(layers, cycle(STYLES), strict=False):
            rows = [state for state in states if state.layer == layer]
            ax.plot([row.step for row in rows], [getattr(row, what) for row in rows], style, label=layer)
        ax.axhline(HALF, color="0.6", linewidth=0.8, label="half of the way: settled")
        ax.set_xscale("symlog", linthresh=10)
        ax.set(title=name, xlabel="iteration", xlim=(0, None), ylim=(0, None))
        ax.grid(alpha=0.3)
    figure.axes[0].set_ylabel("distance to the last iteration;\n1: as far as at the start")
    figure.axes[1].legend(fontsize=8)
    save(figure, path)
