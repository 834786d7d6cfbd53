"""The paper's accuracies and ours (GCM paper, table 7; filter contributions, section 2)."""

from typing import Any

from gcm.file import markdown_table
from gcm.report.evidence import NOT_TRAINED, Evidence
from gcm.report.section.base import Section, percent
from gcm.zoo import Card


def paper_comparison(evidence: Evidence) -> Section:
    rows = [network_row(saved.card) for saved in evidence.networks.values()]
    missing = [name for name in NOT_TRAINED if name not in evidence.networks]
    rows += [
        {"network": name, "paper": NOT_TRAINED[name].paper, "test accuracy": f"missing: {NOT_TRAINED[name].reason}"}
        for name in missing
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


def network_row(card: Card) -> dict[str, Any]:
    first = card.tests[0]
    return {
        "network": card.name,
        "paper": percent(card.claim["accuracy"]) if card.claim else "",
        "test accuracy": card.accuracy,
        "95 % interval": f"{percent(first.low)} to {percent(first.high)}",
        "seeds": len(card.tests),
        "n": f"{first.images:,}",
        "parameters": f"{card.parameters:,}",
        "MACs": f"{card.macs / 1e6:.1f} M",
        "training": f"{card.training_seconds / 60:.0f} min",
        "command": f"`{card.command}`",
    }
