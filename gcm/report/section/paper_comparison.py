"""The paper's accuracies and ours (GCM paper, table 7; filter contributions, section 2)."""

from typing import Any

from gcm.atomic_write import markdown_table
from gcm.command import command_name
from gcm.report.card import duration
from gcm.report.evidence import Evidence, why_absent
from gcm.report.section.base import Section
from gcm.zoo import Card

REFERENCE = (
    "gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10", "gcm_svhn", "gcm_mnist", "cnn_mnist", "tiny_lenet_mnist",
    "lenet_mnist", "cnn3_mnist", "lab_cnn_mnist", "mc_dropout_cnn_mnist", "bayesian_cnn_mnist", "gcm_fashion_mnist",
    "gcm_planted", "cnn_planted", "gcm_digits", "cnn_digits", "tiny_lenet_digits",
)  # fmt: skip
"""The reference networks, in the order of the table, also where they are not trained; others follow them."""
IN_WORDS = {"cnn_cifar10": "as GCM", "tiny_lenet_mnist": "98 % or more"}
"""The papers' words for an accuracy, where they give no plain number."""
HEADLINE = ("gcm_cifar10", "gcm_clipped_cifar10", "cnn_cifar10", "gcm_mnist", "cnn_mnist", "tiny_lenet_mnist")
HEADLINE_COLUMNS = ("network", "paper", "test accuracy", "95 % interval", "seeds", "n", "parameters")


def paper_comparison(evidence: Evidence) -> Section:
    title = "Accuracy, beside the papers'"
    names = [*REFERENCE, *(name for name in evidence.networks if name not in REFERENCE)]
    lacks = [lack for name in REFERENCE if name not in evidence.networks and (lack := evidence.lacks(name))]
    present = {name: network_row(evidence.card(name)) for name in names if name in evidence.networks}
    rows = [present.get(name) or missing_row(name, f"missing: {why_absent(name)}", evidence) for name in names]
    short = [present.get(name) or missing_row(name, "missing", evidence) for name in names]
    headline = [present.get(name) or missing_row(name, "missing", evidence) for name in HEADLINE]
    body = (
        "Test accuracy on the official test sets, as the cards have it: mean ± standard deviation over seeds; the "
        "95 % interval is that of the shipped weights, the first seed's, over test images. "
        f"`{command_name()} task=verify` measures it again.\n\n" + markdown_table(short)
    )
    return Section(
        title,
        body,
        tuple((title, lack) for lack in lacks),
        key="accuracy",
        summary=markdown_table(rows),
        headline=markdown_table([{column: row.get(column, "") for column in HEADLINE_COLUMNS} for row in headline]),
    )


def said_of(name: str, claimed: float | None) -> str:
    """Return what a paper says of a network's accuracy; empty where it says nothing."""
    return IN_WORDS.get(name) or ("" if claimed is None else f"{claimed:.2%}")


def missing_row(name: str, why: str, evidence: Evidence) -> dict[str, Any]:
    return {"network": name, "paper": said_of(name, evidence.claimed.get(name)), "test accuracy": why}


def network_row(card: Card) -> dict[str, Any]:
    first = card.tests[0]
    return {
        "network": card.name,
        "paper": said_of(card.name, card.claim["accuracy"] if card.claim else None),
        "test accuracy": card.accuracy,
        "95 % interval": f"{first.low:.2%} to {first.high:.2%}",
        "seeds": len(card.tests),
        "n": f"{first.images:,}",
        "parameters": f"{card.parameters:,}",
        "MACs": f"{card.macs / 1e6:.1f} M",
        "training": duration(card.training_seconds),
        "command": f"`{card.command}`",
    }


SECTIONS = {10: paper_comparison}
