"""The paper's accuracies and ours (GCM paper, table 7; filter contributions, section 2)."""

from typing import Any

from gcm.atomic_write import markdown_table
from gcm.report.card import duration
from gcm.report.evidence import PLANNED, Evidence, Planned, why_absent
from gcm.report.section.base import Section
from gcm.zoo import Card

HEADLINE = ("gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10", "gcm_mnist", "cnn_mnist", "tiny_lenet_mnist")
HEADLINE_COLUMNS = ("network", "paper", "test accuracy", "95 % interval", "seeds", "n", "parameters")


def paper_comparison(evidence: Evidence) -> Section:
    others = [name for name in evidence.networks if name not in PLANNED]
    title = "Accuracy, beside the papers'"
    lacks = [lack for name in PLANNED if name not in evidence.networks and (lack := evidence.lacks(name))]
    present = {name: network_row(evidence.card(name)) for name in [*PLANNED, *others] if name in evidence.networks}
    rows = [present.get(name) or missing_row(name, f"missing: {why_absent(name)}") for name in [*PLANNED, *others]]
    short = [present.get(name) or missing_row(name, "missing") for name in [*PLANNED, *others]]
    headline = [present.get(name) or missing_row(name, "missing") for name in HEADLINE]
    body = (
        "Test accuracy on the official test sets, as the cards have it: mean ± standard deviation over seeds; the "
        "95 % interval is that of the shipped weights, the first seed's, over test images. `python train.py "
        "task=verify` measures it again.\n\n" + markdown_table(short)
    )
    return Section(
        title,
        body,
        tuple((title, lack) for lack in lacks),
        key="accuracy",
        summary=markdown_table(rows),
        headline=markdown_table([{column: row.get(column, "") for column in HEADLINE_COLUMNS} for row in headline]),
    )


def missing_row(name: str, why: str) -> dict[str, Any]:
    return {"network": name, "paper": PLANNED[name].paper, "test accuracy": why}


def network_row(card: Card) -> dict[str, Any]:
    first = card.tests[0]
    return {
        "network": card.name,
        "paper": PLANNED.get(card.name, Planned()).paper,
        "test accuracy": card.accuracy,
        "95 % interval": f"{first.low:.2%} to {first.high:.2%}",
        "seeds": len(card.tests),
        "n": f"{first.images:,}",
        "parameters": f"{card.parameters:,}",
        "MACs": f"{card.macs / 1e6:.1f} M",
        "training": duration(card.training_seconds),
        "command": f"`{card.command}`",
    }
