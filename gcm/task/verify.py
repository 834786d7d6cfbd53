"""`task=verify`: what the cards say, measured again."""

from typing import Any

from omegaconf import DictConfig

from gcm.atomic_write import write_csv
from gcm.cli.console import BARS, say, say_next, show_table
from gcm.cli.declaration import task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import settings_of
from gcm.command import command_name
from gcm.error import DataNotFoundError, InputError, listed
from gcm.study.accuracy.test_set import Evaluation, evaluate
from gcm.types import Share
from gcm.zoo import Card, SavedNetwork, cards, read_saved


@task(
    help="measure again what the cards of shipped networks say",
    reads=("weights",),
    own_data=True,
)
def verify(config: DictConfig, accuracy_tolerance: Share = 0.001, completeness_tolerance: Share = 1e-4) -> None:
    """Measure accuracy and completeness of published networks; an error if one is not what its card says.

    Without `weights=` every shipped network whose data are found, and the others are named; with it those, and missing
    data are an error.
    """
    named = settings_of(config).weights
    names = [named] if isinstance(named, str) else named or list(cards())
    networks = [published(name) for name in names]
    with run_directory(config, *networks) as directory:
        rows, missing, wrong = [], [], []
        for saved in networks:
            try:
                data = named_data(config, [saved])
            except DataNotFoundError as error:
                if named:
                    raise
                missing.append(f"{saved.card.name} not verified: {error}")
                continue
            found = evaluate(saved.network().to(device_of(config)), data.test, progress=BARS.of(saved.card.name))
            wrong += disagreements(saved.card, found, accuracy_tolerance, completeness_tolerance)
            rows.append(verify_row(saved.card, found))
        if not rows:
            raise InputError(f"nothing could be verified: {listed(missing) or 'there is no shipped network'}")
        write_csv(directory / "verify.csv", rows)
    show_table("Paper, card and now", rows)
    for line in missing:
        say(line)
    if wrong:
        raise InputError("; ".join(wrong))
    say(f"{len(rows)} of {len(names)} networks verified, all within tolerance: {directory}/verify.csv")
    say_next("task=report")


def published(name: str) -> SavedNetwork:
    saved = read_saved(name)
    if not saved.card.tests:
        raise InputError(
            f"{name} has no card to verify; publish it first: {command_name()} task=publish weights={name}"
        )
    return saved


def disagreements(card: Card, found: Evaluation, accuracy_tolerance: float, completeness_tolerance: float) -> list[str]:
    """Return what is beyond tolerance, a line each."""
    lines = []
    published = card.tests[0]
    if found.accuracy.images != published.images:
        lines.append(f"{card.name}: {found.accuracy.images} test images, its card says {published.images}")
    if abs(found.accuracy.share - published.accuracy) > accuracy_tolerance:
        lines.append(
            f"{card.name}: accuracy {found.accuracy.share:.4f}, its card says {published.accuracy:.4f} "
            f"(tolerance {accuracy_tolerance})"
        )
    if card.complete and found.completeness is None:
        lines.append(f"{card.name}: gives no account of its scores, its card says it does")
    if found.completeness and found.completeness.signed != card.signed:
        lines.append(f"{card.name}: signed is {found.completeness.signed}, its card says {card.signed}")
    if found.completeness and found.completeness.residual > completeness_tolerance:
        lines.append(
            f"{card.name}: completeness residual {found.completeness.residual:.1e} (tolerance {completeness_tolerance})"
        )
    return lines


def verify_row(card: Card, found: Evaluation) -> dict[str, Any]:
    account = found.completeness
    return {
        "network": card.name,
        "n": found.accuracy.images,
        "paper": f"{card.claim['accuracy']:.2%}" if card.claim else "",
        "card": f"{card.tests[0].accuracy:.2%}",
        "now": f"{found.accuracy.share:.2%}",
        "card's residual": "" if card.completeness_residual is None else f"{card.completeness_residual:.1e}",
        "residual now": f"{account.residual:.1e}" if account else "",
    }
