"""`task=report`: the reproduction report, from weights to one page."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gcm.atomic_write import write_text
from gcm.cli.console import BARS, say
from gcm.cli.declaration import task
from gcm.cli.decline_ratio import new_decline_ratio
from gcm.cli.device import device_of, machine
from gcm.cli.named_networks import named_data
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import settings_of, task_overrides
from gcm.cli.versions import versions_now
from gcm.command import CONFIGS, command_name
from gcm.data import ImageData
from gcm.error import DataNotFoundError, InputError
from gcm.instantiate import instantiate_all
from gcm.report.evidence import Evidence
from gcm.report.page import html_page, rendered
from gcm.report.readme import update_readme
from gcm.report.section import Section, missing_lines, sections
from gcm.zoo import SavedNetwork, cards, read_saved

TITLE = "Reproduction report"


@task(
    help="the reproduction report, from the shipped networks",
    reads=("weights", "visualizer", "rendering", "metric"),
    own_data=True,
)
def report(config: DictConfig, readme: str | list[str] | None = None) -> None:
    """Write `report.md` and `report.html`, tables and figures, from the networks in `weights=` (else all shipped).

    What cannot be made, because a network or a data set is not here, is named first. In the file `readme`, or in each
    of several, the marked parts are replaced by the tables.
    """
    networks = networks_by_name(config)
    readmes = [readme] if isinstance(readme, str) else readme or []
    for path in readmes:
        check_readme(path, config)
    data, missing = data_of(networks, config)
    with run_directory(config, *networks.values()) as directory:
        evidence = Evidence(
            networks,
            data,
            missing,
            visualizers=instantiate_all(config.visualizer, "visualizer"),
            renderings=instantiate_all(config.rendering, "rendering"),
            new_metric=new_decline_ratio(config),
            directory=directory,
            device=device_of(config),
            claimed=claimed_accuracies(),
            progress=BARS,
        )
        made = write_report(evidence, directory)
    for path in readmes:
        update_readme(Path(path).expanduser(), made)
    say(f"report: {directory}/report.html and report.md")
    say(f"next: open {directory}/report.html in a browser")


def check_readme(readme: str, config: DictConfig) -> None:
    if settings_of(config).weights:
        raise InputError("task.readme= gets the results of all shipped networks; leave out weights=")
    if not Path(readme).expanduser().is_file():
        raise InputError(f"task.readme={readme}: no such file")


def networks_by_name(config: DictConfig) -> dict[str, SavedNetwork]:
    named = settings_of(config).weights
    names = [named] if isinstance(named, str) else named or list(cards())
    networks: dict[str, SavedNetwork] = {}
    for saved in map(read_saved, names):
        if not saved.card.tests:
            raise InputError(
                f"{saved.path} has no card; publish it first: {command_name()} task=publish weights={saved.path.parent}"
            )
        if saved.card.name in networks:
            raise InputError(f"weights= names two networks {saved.card.name}; a report has one of each name")
        networks[saved.card.name] = saved
    return networks


def data_of(networks: Mapping[str, SavedNetwork], config: DictConfig) -> tuple[dict[str, ImageData], dict[str, str]]:
    """Return the data sets of the networks by name, and for each that is not here the reason."""
    found: dict[str, ImageData] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(saved.card.data for saved in networks.values()):
        try:
            found[name] = named_data(config, [saved for saved in networks.values() if saved.card.data == name])
        except DataNotFoundError as error:
            missing[name] = str(error)
    return found, missing


def claimed_accuracies() -> dict[str, float]:
    """Return what papers claim of networks, by the names of the experiments that train them."""
    experiments = {path.stem: OmegaConf.load(path) for path in (CONFIGS / "experiment").glob("*.yaml")}
    claims = {name: OmegaConf.select(experiment, "claim.accuracy") for name, experiment in experiments.items()}
    return {name: float(accuracy) for name, accuracy in claims.items() if accuracy is not None}


def write_report(evidence: Evidence, directory: Path) -> list[Section]:
    made = [section(evidence) for section in sections()]
    markdown = rendered(
        "report.md.j2",
        command=" ".join([command_name(), *task_overrides()]),
        date=date.today().isoformat(),
        machine=machine(evidence.device),
        versions=versions_now(),
        missing=missing_lines(made),
        sections=made,
    )
    write_text(directory / "report.md", markdown)
    write_text(directory / "report.html", html_page(markdown, TITLE, directory))
    return made
