"""The paper's accuracies and ours (GCM paper, table 7; filter contributions, section 2)."""

from typing import Any

from gcm.file import markdown_table
from gcm.report.evidence import PLANNED, Evidence, Planned
from gcm.report.section.base import Section
from gcm.zoo import Card


def paper_comparison(evidence: Evidence) -> Section:
    others = [name for name in evidence.networks if name not in PLANNED]
    missing = [name for name in PLANNED if name not in evidence.networks]
    rows = [
        network_row(evidence.card(name)) if name in evidence.networks else missing_row(name)
        for name in [*PLANNED, *others]
    ]
    body = (
        "Test accuracy on the official test sets, as the cards have it: mean ± standard deviation over seeds; the "
        "95 % interval is that of the shipped weights, the first seed's, over test images. `python train.py "
        "task=verify` measures it again.\n\n" + markdown_table(rows)
    )
    return Section(
        "Accuracy, beside the papers'",
        body,
        tuple(evidence.lacks(name) for name in missing),
        key="accuracy",
        summary=markdown_table(rows),
    )


def missing_row(name: str) -> dict[str, Any]:
    return {"network": name, "paper": PLANNED[name].paper, "test accuracy": f"missing: {PLANNED[name].reason}"}


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
        "training": f"{card.training_seconds / 60:.0f} min",
        "command": f"`{card.command}`",
    }
