"""`task=publish`: make a finished training a network that others can load by name, with a card."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from gcm.atomic_write import make_directory, write_text
from gcm.cli.console import BARS, say, say_next
from gcm.cli.declaration import task
from gcm.cli.device import device_of, machine
from gcm.cli.named_networks import named_data, named_networks
from gcm.cli.resume.training import deciding
from gcm.cli.run_directory import claimed, run_directory
from gcm.cli.versions import versions_now
from gcm.command import command_name
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.report.card import card_page
from gcm.study.accuracy.test_set import evaluate, measured_card, test_of
from gcm.zoo import SavedNetwork
from gcm.zoo.catalogue import SUMS, sums_text
from gcm.zoo.weights_file import SUFFIX, write_weights


@task(
    help="a weights file with a card, from finished runs of several seeds: weights=[RUN,RUN,RUN]",
    reads=("weights",),
    own_data=True,
)
def publish(config: DictConfig, directory: str | None = None) -> None:
    """Publish the first run in `weights=`; the others are the same training from other seeds, for the card's spread.

    Writes `<name>.safetensors`, `<name>.md` and `SHA256SUMS` into `directory`.
    """
    networks = named_networks(config)
    check_finished(networks)
    check_differ_in_seed_only(networks)
    data = named_data(config, networks)
    if directory is not None:
        place = Path(directory).expanduser()
        make_directory(place, parents=True)
        with claimed(place):
            published = publish_in(place, networks, data, config)
    else:
        with run_directory(config, *networks) as own:
            published = publish_in(own, networks, data, config)
    say(f"published: {published}")
    say_next("task=verify", f"weights={published}")


def check_finished(networks: Sequence[SavedNetwork]) -> None:
    for saved in networks:
        if saved.card.tests:
            raise InputError(f"{saved.path} is published already; task=publish takes run directories")
        if saved.path.name not in ("best.ckpt", "last.ckpt"):
            raise InputError(f"{saved.path} is a training half done; task=publish takes run directories")
        if not (saved.path.parent / "result.json").is_file():
            raise InputError(
                f"{saved.path} belongs to no finished training; finish it first: {command_name()} task=train "
                f"resume={saved.path.parent}"
            )


def check_differ_in_seed_only(networks: Sequence[SavedNetwork]) -> None:
    trainings = [(saved.card.name, deciding(saved.card.config)) for saved in networks]
    if any(training != trainings[0] for training in trainings):
        raise InputError("task=publish needs runs of one training that differ in their seed only; compare config.yaml")
    seeds = [saved.card.seed for saved in networks]
    if len(set(seeds)) < len(seeds):
        raise InputError(f"task=publish needs runs of different seeds, got seeds {listed(seeds)}")


def publish_in(directory: Path, networks: Sequence[SavedNetwork], data: ImageData, config: DictConfig) -> Path:
    tests, first = [], None
    for saved in networks:
        network = saved.network().to(device_of(config))
        found = evaluate(network, data.test, progress=BARS.of(f"{saved.card.name}, seed {saved.card.seed}"))
        tests.append(test_of(saved.card, found))
        first = first or found
    assert first is not None
    path = directory / f"{networks[0].card.name}{SUFFIX}"
    card = measured_card(networks[0], tests, first, len(data.train), f"{machine(device_of(config))}; {versions_now()}")
    write_weights(path, networks[0].weights, card)
    write_text(path.with_suffix(".md"), card_page(card))
    write_text(directory / SUMS, sums_text(directory))
    return path
