"""The log of a training: one row an epoch, kept in the checkpoint so that a resumed run has the whole of it."""

from pathlib import Path

from gcm.draw import draw_learning_curve
from gcm.file import write_csv

Row = dict[str, float]


class History:
    """Writes `metrics.csv` after every epoch and `learning_curve.png` at the end."""

    def __init__(self, directory: Path, title: str) -> None:
        self.directory = directory
        self.title = title
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)
        write_csv(self.directory / "metrics.csv", self.rows)

    def draw(self) -> None:
        draw_learning_curve(self.rows, self.title, self.directory / "learning_curve.png")
