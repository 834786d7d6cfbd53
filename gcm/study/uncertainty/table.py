"""Findings of networks' uncertainty become CSV, Markdown, and rows for the screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.metric import Mean
from gcm.study.uncertainty.findings import POSSIBLE, Calibrated, CoveredClass, Detected, Findings
from gcm.study.uncertainty.predictive import Predictive

UNCERTAINTY_MEANING = {
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
"""The number of possible classes that are shown on the screen."""


def tables(findings: Findings) -> dict[str, list[dict[str, Any]]]:
    """Return tables by the headings of `UNCERTAINTY_MEANING`; the numbers are not rounded."""
    rows = ([calibrated_row(each) for each in findings.calibrated], [covered_row(each) for each in findings.covered],
            [detected_row(each) for each in findings.detected])  # fmt: skip
    return dict(zip(UNCERTAINTY_MEANING, rows, strict=True))


def predictive_columns(predictive: Predictive) -> dict[str, str]:
    return {"network": predictive.name, "weights_sha256": predictive.weights_sha256, "asked": predictive.how}


def calibrated_row(each: Calibrated) -> dict[str, Any]:
    found = each.found
    numbers = {"accuracy": found.accuracy, "log_loss": found.log_loss, "calibration_error": found.error}
    return {**predictive_columns(each.predictive), "images": each.images, **interval_columns(numbers)}


def covered_row(each: CoveredClass) -> dict[str, Any]:
    possible = ", ".join(f"{name} {share:.1%}" for name, share in each.possible.items())
    where = {**predictive_columns(each.predictive), "class": each.label}
    stays = {"stays": each.stays, "stays_low": each.low, "stays_high": each.high}
    return {**where, "images": each.images, **stays, "possible": possible}


def detected_row(each: Detected) -> dict[str, Any]:
    where = {**predictive_columns(each.predictive), "unlike": each.unlike, "score": each.score}
    areas = interval_columns({"auroc": each.found.auroc, "aupr": each.found.aupr})
    return {**where, **areas, "share": each.found.share}


def interval_columns(numbers: Mapping[str, Mean]) -> dict[str, float]:
    """Return the mean under its name, then interval and n."""
    columns: dict[str, float] = {}
    for name, measured in numbers.items():
        columns |= {name: measured.mean, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return columns | {"n": next(iter(numbers.values())).n}


def short_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for readers: few digits, intervals in brackets."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if f"{name}_low" in row:
            shown[name.replace("_", " ")] = f"{value:.4f} [{row[f'{name}_low']:.4f}, {row[f'{name}_high']:.4f}]"
        elif not name.endswith(("_low", "_high", "_sha256")):
            shown[name] = f"{value:.3f}" if isinstance(value, float) else value
    return shown


def narrow_tables(findings: Findings) -> dict[str, list[dict[str, Any]]]:
    """Return tables by their titles, narrow enough for a small terminal: no intervals, the likeliest three classes."""
    calibration = [
        {
            "network": f"{each.predictive.name}, {each.predictive.how}",
            "images": each.images,
            "accuracy": f"{each.found.accuracy.mean:.2%}",
            "log loss": f"{each.found.log_loss.mean:.3f}",
            "calibration error": f"{each.found.error.mean:.4f}",
        }
        for each in findings.calibrated
    ]
    covered = [
        {
            "network": f"{each.predictive.name}, {each.predictive.how}",
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
            name = f"{each.predictive.name}, {each.predictive.how}"
            row = aurocs.setdefault(name, {"network": name})
            row[each.unlike] = f"{each.found.auroc.mean:.3f}"
    return {
        "Calibration": calibration,
        "Covered: the class stays first; others are possible": covered,
        "Unlike: AUROC by entropy": list(aurocs.values()),
    }


def write_uncertainty(findings: Findings, missing: Sequence[str], directory: Path) -> None:
    """Write `calibration.csv`, `covered.csv`, `unlike.csv` and all of them in `uncertainty.md`."""
    parts = []
    for name, rows in tables(findings).items():
        write_csv(directory / f"{name.lower()}.csv", rows)
        parts.append(f"## {name}\n\n{UNCERTAINTY_MEANING[name]}\n\n{markdown_table([short_row(row) for row in rows])}")
    write_text(directory / "uncertainty.md", "\n".join(["# Uncertainty\n", *parts, *missing]))
