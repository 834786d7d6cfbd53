"""A network's card as a Markdown page."""

from typing import Any

from omegaconf import OmegaConf

from gcm.atomic_write import markdown_table
from gcm.command import command_name
from gcm.report.page import rendered
from gcm.zoo import Card


def card_page(card: Card) -> str:
    return rendered(
        "card.md.j2",
        card=card,
        command_name=command_name(),
        facts=markdown_table(facts(card)),
        tests=markdown_table(test_rows(card)),
        settings=settings(card),
    )


def settings(card: Card) -> str:
    """Return the part of the config that decides the training, as YAML."""
    sections = ("model", "data", "optimizer", "schedule", "trainer", "label_smoothing", "channels_last", "seed")
    return OmegaConf.to_yaml({name: card.config[name] for name in sections if name in card.config})


def facts(card: Card) -> list[dict[str, Any]]:
    spec = card.spec
    facts = {
        "data": f"{card.data}, {card.train_images:,} training and {card.tests[0].images:,} test images ({split(card)})",
        "input": f"{spec.channels} x {spec.height} x {spec.width}, float in [0,1]; {len(spec.classes)} classes",
        "command": f"`{card.command}`",
        "training": f"{card.epochs} epochs, {card.steps:,} steps, {duration(card.training_seconds)}",
        "machine": card.machine,
        "versions": ", ".join(f"{name} {version}" for name, version in card.versions.items()),
        "parameters": f"{card.parameters:,}",
        "multiply-accumulates": f"{card.macs:,} for the scores of one image",
        "account of its scores": account(card),
        "measured on": card.measured_on,
        "SHA-256 of the weights": f"`{card.weights_sha256}`",
    }
    return [{"": name, "value": value} for name, value in facts.items()]


def duration(seconds: float) -> str:
    """Write a duration in minutes; in seconds where it is less than half of one."""
    return f"{seconds / 60:.0f} min" if seconds > 30 else f"{seconds:.0f} s"


def split(card: Card) -> str:
    held_out, folder = (card.config["data"].get(name) for name in ("val_size", "validation_folder"))
    if folder:
        return f"all training images; others for validation, in {folder}/"
    return f"{held_out:,} of the training images held out" if held_out else "all training images, none held out"


def account(card: Card) -> str:
    if card.completeness_residual is None:
        return "none of its own: for post-hoc methods"
    sign = "parts for and against a class" if card.signed else "no negative parts"
    return f"complete, {sign}; completeness residual {card.completeness_residual:.1e}"


def test_rows(card: Card) -> list[dict[str, Any]]:
    return [
        {
            "seed": test.seed,
            "test accuracy": f"{test.accuracy:.2%}",
            "95 % interval": f"{test.low:.2%} to {test.high:.2%}",
            "test loss": f"{test.loss:.4f}",
            "n": f"{test.images:,}",
            "training": f"{test.training_seconds / 60:.1f} min",
        }
        for test in card.tests
    ]
