"""What was found of networks' uncertainty: to CSV, Markdown and the screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.console import show_table
from gcm.metric import Mean
from gcm.study.uncertainty.predictive import POSSIBLE, Asked, Calibrated, CoveredClass, Detected

MEANING = {
    "Calibration": (
        "accuracy; log loss, in nats; expected calibration error: how far the network's largest probability is from "
        "the share of right answers, over 15 bins. In brackets 95 % bootstrap intervals."
    ),
    "Covered": (
        "Of the test images of a class that are right when whole: in how many the class stays the most probable when "
        f"covered, and in how many others are possible (probability {POSSIBLE:.0%} or more)."
    ),
    "Unlike": (
        "AUROC: how often a strange image scores higher than a test image, 0.5: no better than chance. AUPR: average "
        "precision in finding the strange ones; `share` of a score that knows nothing."
    ),
}

LIKELIEST = 3
"""Of the possible classes, how many are shown on the screen."""


@dataclass(frozen=True)
class Findings:
    """Attributes:
    calibrated, covered, detected: a row each.
    """

    calibrated: Sequence[Calibrated]
    covered: Sequence[CoveredClass]
    detected: Sequence[Detected]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """By the headings of `MEANING`; the numbers are not rounded."""
        rows = ([calibrated_row(each) for each in self.calibrated], [covered_row(each) for each in self.covered],
                [detected_row(each) for each in self.detected])  # fmt: skip
        return dict(zip(MEANING, rows, strict=True))


def columns_of(asked: Asked) -> dict[str, str]:
    return {"network": asked.name, "weights_sha256": asked.weights_sha256, "asked": asked.how}


def calibrated_row(each: Calibrated) -> dict[str, Any]:
    found = each.found
    numbers = {"accuracy": found.accuracy, "log_loss": found.log_loss, "calibration_error": found.error}
    return {**columns_of(each.asked), "images": each.images, **spread_out(numbers)}


def covered_row(each: CoveredClass) -> dict[str, Any]:
    possible = ", ".join(f"{name} {share:.1%}" for name, share in each.possible.items())
    where = {**columns_of(each.asked), "class": each.label}
    stays = {"stays": each.stays, "stays_low": each.low, "stays_high": each.high}
    return {**where, "images": each.images, **stays, "possible": possible}


def detected_row(each: Detected) -> dict[str, Any]:
    where = {**columns_of(each.asked), "unlike": each.unlike, "score": each.score}
    areas = spread_out({"auroc": each.found.auroc, "aupr": each.found.aupr})
    return {**where, **areas, "share": each.found.share}


def spread_out(numbers: Mapping[str, Mean]) -> dict[str, float]:
    """The mean under its name, then interval and n."""
    columns: dict[str, float] = {}
    for name, measured in numbers.items():
        columns |= {name: measured.mean, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return columns | {"n": next(iter(numbers.values())).n}


def short(row: Mapping[str, Any]) -> dict[str, Any]:
    """For readers: few digits, intervals in brackets."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if f"{name}_low" in row:
            shown[name.replace("_", " ")] = f"{value:.4f} [{row[f'{name}_low']:.4f}, {row[f'{name}_high']:.4f}]"
        elif not name.endswith(("_low", "_high", "_sha256")):
            shown[name] = f"{value:.3f}" if isinstance(value, float) else value
    return shown


def show_uncertainty(findings: Findings) -> None:
    """Narrow enough for a small terminal: no intervals, the likeliest three classes, and of the scores entropy."""
    calibration = [
        {
            "network": f"{each.asked.name}, {each.asked.how}",
            "images": each.images,
            "accuracy": f"{each.found.accuracy.mean:.2%}",
            "log loss": f"{each.found.log_loss.mean:.3f}",
            "calibration error": f"{each.found.error.mean:.4f}",
        }
        for each in findings.calibrated
    ]
    covered = [
        {
            "network": f"{each.asked.name}, {each.asked.how}",
            "class": each.label,
            "images": each.images,
            "stays": f"{each.stays:.0%}",
            "possible": ", ".join(f"{name} {share:.0%}" for name, share in list(each.possible.items())[:LIKELIEST]),
        }
        for each in findings.covered
    ]
    aurocs: dict[str, dict[str, str]] = {}
    for each in findings.detected:
        if each.score == "entropy":
            name = f"{each.asked.name}, {each.asked.how}"
            row = aurocs.setdefault(name, {"network": name})
            row[each.unlike] = f"{each.found.auroc.mean:.3f}"
    show_table("Calibration", calibration)
    show_table("Covered: the class stays first; others are possible", covered)
    show_table("Unlike: AUROC by entropy", list(aurocs.values()))


def write_uncertainty(findings: Findings, missing: Sequence[str], directory: Path) -> None:
    """`calibration.csv`, `covered.csv`, `unlike.csv` and all of them in `uncertainty.md`."""
    parts = []
    for name, rows in findings.tables().items():
        write_csv(directory / f"{name.lower()}.csv", rows)
        parts.append(f"## {name}\n\n{MEANING[name]}\n\n{markdown_table([short(row) for row in rows])}")
    write_text(directory / "uncertainty.md", "\n".join(["# Uncertainty\n", *parts, *missing]))
