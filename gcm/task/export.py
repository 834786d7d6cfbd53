"""`task=export`: a network that explains itself, as a file that needs no code of ours."""

from typing import Annotated

import torch
from annotated_types import MinLen
from omegaconf import DictConfig

from gcm.atomic_write import delete, write_csv
from gcm.cli.console import BARS, say, say_next, show_table
from gcm.cli.declaration import task
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.data import ImageData, as_pixels
from gcm.error import InputError
from gcm.model import Classifier, Interpretable
from gcm.study.accuracy.test_set import evaluate, measured_card, test_of
from gcm.types import PositiveCount, PositiveNumber
from gcm.zoo import Card, SavedNetwork
from gcm.zoo.exported import ENDINGS, NAMES, READERS, WRITERS, Format, WithContributions


@task(
    help="ONNX and torch.export, giving logits and contributions: weights=RUN",
    reads=("weights",),
)
def export(
    config: DictConfig,
    formats: Annotated[tuple[Format, ...], MinLen(1)] = ("onnx", "torch"),
    images: PositiveCount = 100,
    tolerance: PositiveNumber = 1e-4,
) -> None:
    """Write the network of `weights=`; raise an error if the file computes something else on the first `images`.

    The card in a file says what the network measures on the test set: of a published one what was published.
    """
    saved = named_network(config)
    network = saved.network()
    if not isinstance(network, Interpretable):
        raise InputError(f"task=export writes networks that explain themselves; {saved.card.name} does not")
    data = named_data(config, [saved])
    pixels = as_pixels(data.test[torch.arange(min(images, len(data.test)))][0], "cpu")
    with torch.no_grad():
        expected = WithContributions(network)(pixels)
    with run_directory(config, saved) as directory:
        card = saved.card if saved.card.tests else card_of(saved, network, data)
        rows = []
        for name in formats:
            path = directory / f"{saved.card.name}{ENDINGS[name]}"
            WRITERS[name](network, card, path)
            found = READERS[name](path)(pixels)
            errors = [largest_difference(*pair) for pair in zip(found, expected, strict=True)]
            if max(errors) > tolerance:
                delete(path)
                raise InputError(
                    f"{path.name} would differ by {max(errors):.1e} from the network, allowed: {tolerance:g}"
                )
            shown = {f"error of {what}": f"{error:.1e}" for what, error in zip(NAMES, errors, strict=True)}
            rows.append({"file": path.name, "images": len(pixels), **shown})
        write_csv(directory / "export.csv", rows)
    show_table("Exported: largest differences from the network", rows)
    say(f"files: {directory}; inputs: images, float32 in [0,1]; outputs: {' and '.join(NAMES)}")
    say_next("task=explain", f"weights={saved.path}")


def card_of(saved: SavedNetwork, network: Classifier, data: ImageData) -> Card:
    """Return the card of a network that is not published."""
    found = evaluate(network, data.test, progress=BARS.of(saved.card.name))
    return measured_card(saved, [test_of(saved.card, found)], found, saved.card.train_images, saved.card.measured_on)


def largest_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max())
