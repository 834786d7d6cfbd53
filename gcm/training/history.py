"""The log of a training: one row an epoch, kept in the checkpoint so that a resumed run has the whole of it."""

from pathlib import Path

from gcm.console import say
from gcm.draw import draw_learning_curve
from gcm.file import write_csv

Row = dict[str, float]


class History:
    """After every epoch writes `metrics.csv` and says how things stand; at the end draws `learning_curve.png`."""

    def __init__(self, directory: Path, title: str) -> None:
        self.directory = directory
        self.title = title
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.rows.append(row)
        write_csv(self.directory / "metrics.csv", self.rows)
        shown = {
            "train_loss": "training loss",
            "latest_batch_loss": "of the latest batch",
            "val_loss": "validation loss",
        }
        losses = ", ".join(f"{words} {row[name]:.4f}" for name, words in shown.items() if name in row)
        say(f"epoch {row['epoch']:.0f}: {losses}")

    def draw(self) -> None:
        draw_learning_curve(self.rows, self.title, self.directory / "learning_curve.png")
