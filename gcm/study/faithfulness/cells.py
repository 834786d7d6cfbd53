"""The faithfulness table: network x visualizer x measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gcm.metric import MapMetric, Mean, mean_with_interval

Kind = Literal["by design", "post-hoc", "control"]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        network: its model's name; networks of several seeds are one row.
        visualizer: its name.
        kind: whether the maps are the network's own account, come from outside, or know nothing of the evidence.
    """

    network: str
    visualizer: str
    kind: Kind


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        measure: its name.
        higher_is_better: whether large values are good.
        meaning: what a value says.
    """

    measure: str
    higher_is_better: bool
    meaning: str

    @staticmethod
    def of(name: str, metric: MapMetric) -> "Column":
        return Column(name, bool(metric.higher_is_better), metric.meaning)


@dataclass(frozen=True)
class FaithfulnessCell:
    """A cell of the table.

    Attributes:
        row, column: its place.
        measured: mean over seeds and images; the interval says how it varies with the images. None: there is no number.
        seeds: number of networks.
        seed_deviation: standard deviation of the seeds' means; NaN for fewer than two.
        difference: difference from the maps that all are compared with, image by image, over the images that both saw.
        reason: why there is no number, or why the best value is certain by construction, or empty.
    """

    row: Row
    column: Column
    measured: Mean | None
    seeds: int
    seed_deviation: float
    difference: Mean | None
    reason: str

    @property
    def by_construction(self) -> bool:
        return self.measured is not None and bool(self.reason)

    @property
    def compared(self) -> Literal["better", "worse", ""]:
        """The comparison with those maps; empty where the interval of the difference holds 0, or there is none."""
        difference = self.difference
        if difference is None or not (difference.low > 0 or difference.high < 0):
            return ""
        return "better" if (difference.mean > 0) == self.column.higher_is_better else "worse"


@dataclass(frozen=True, eq=False)
class CellValues:
    """The values that a cell is made from.

    Attributes:
        row, column: its place.
        values: `(S,N)`, for each seed and image; None where there is no number.
        reason: as in `FaithfulnessCell`.
    """

    row: Row
    column: Column
    values: Tensor | None
    reason: str


def cells_of(found: Sequence[CellValues], compared_with: str) -> list[FaithfulnessCell]:
    """Return the cells; what is certain by construction is not compared.

    `compared_with` names the visualizer whose maps, on the network that makes them by design, all are compared with.
    """
    own = {
        each.column: each.values
        for each in reversed(found)
        if each.row.kind == "by design" and each.row.visualizer == compared_with and not each.reason
    }
    return [cell_of(each, own.get(each.column)) for each in found]


def cell_of(found: CellValues, own: Tensor | None) -> FaithfulnessCell:
    """Return a cell; `own` are the values of the maps that it is compared with, if these are no certainty."""
    values = found.values
    if values is None:
        return FaithfulnessCell(found.row, found.column, None, 0, torch.nan, None, found.reason)
    difference = None
    if own is not None and not found.reason:
        both = min(own.shape[1], values.shape[1])
        difference = mean_with_interval(values[:, :both].mean(0) - own[:, :both].mean(0))
    return FaithfulnessCell(
        found.row,
        found.column,
        mean_with_interval(values.mean(0)),
        seeds=len(values),
        seed_deviation=float(values.mean(1).std()) if len(values) > 1 else torch.nan,
        difference=difference,
        reason=found.reason,
    )
