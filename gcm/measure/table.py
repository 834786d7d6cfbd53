"""The faithfulness table: network x visualizer x measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.metric import Measured, mean_with_interval


@dataclass(frozen=True)
class Row:
    """Attributes:
    network: its model's name; networks of several seeds are one row.
    visualizer: its name.
    by_design: whether the maps are the network's own account.
    control: whether the method knows nothing of the evidence.
    """

    network: str
    visualizer: str
    by_design: bool
    control: bool


@dataclass(frozen=True, eq=False)
class Cell:
    """Attributes:
    row, measure: where it stands.
    higher_is_better: whether large values are good.
    values: `(S,N)`, for each seed and image; None where there is no number.
    reason: why there is none, or why the best value is certain by construction, or empty.
    """

    row: Row
    measure: str
    higher_is_better: bool
    values: Tensor | None
    reason: str

    @property
    def measured(self) -> Measured | None:
        """The mean over seeds and images; the interval says how it varies with the images."""
        return None if self.values is None else mean_with_interval(self.values.mean(0))

    @property
    def seeds(self) -> int:
        return 0 if self.values is None else len(self.values)

    @property
    def seed_deviation(self) -> float:
        """Standard deviation of the seeds' means; NaN for one seed."""
        if self.values is None or len(self.values) < 2:
            return torch.nan
        return float(self.values.mean(1).std())

    @property
    def by_construction(self) -> bool:
        return self.values is not None and bool(self.reason)

    def difference(self, other: "Cell") -> Measured | None:
        """By how much it is larger than another, image by image; None unless both saw the same number of images."""
        if self.values is None or other.values is None or self.values.shape[1] != other.values.shape[1]:
            return None
        return mean_with_interval(self.values.mean(0) - other.values.mean(0))

    def compared_with(self, other: "Cell") -> str:
        """`better`, `worse`, or empty where the interval of the difference holds 0, or there is none."""
        difference = self.difference(other)
        if difference is None or difference.low <= 0 <= difference.high:
            return ""
        return "better" if (difference.mean > 0) == self.higher_is_better else "worse"


def reference(cells: Sequence[Cell], visualizer: str) -> dict[str, Cell]:
    """For each measure the cell of the maps that all are compared with: a network's own, by their name."""
    return {
        cell.measure: cell
        for cell in reversed(cells)
        if cell.row.by_design and cell.row.visualizer == visualizer and cell.values is not None
    }
