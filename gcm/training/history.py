"""The log of a training, kept in the checkpoint so that a resumed run has the whole of it."""

import logging
from pathlib import Path

from gcm.atomic_write import write_csv
from gcm.training.learning_curve import draw_learning_curve

LOG = logging.getLogger(__name__)
HistoryRow = dict[str, float]


class History:
    """Writes each row to `metrics.csv` and notes in the log how things stand; at the end draws `learning_curve.png`.

    A row holds what was measured since the one before and nothing older; `epoch` counts epochs that are done, with a
    fraction where it is a validation within one.
    """

    def __init__(self, directory: Path, title: str) -> None:
        self.directory = directory
        self.title = title
        self.rows: list[HistoryRow] = []

    def add(self, row: HistoryRow) -> None:
        self.rows.append(row)
        write_csv(self.directory / "metrics.csv", self.rows)
        shown = {
            "train_loss": "training loss",
            "latest_batch_loss": "of the latest batch",
            "val_loss": "validation loss",
        }
        losses = ", ".join(f"{words} {row[name]:.4f}" for name, words in shown.items() if name in row)
        LOG.info(f"epoch {row['epoch']:g}: {losses}")

    def draw(self) -> None:
        if self.rows:
            draw_learning_curve(self.rows, self.title, self.directory / "learning_curve.png")
