"""`task=benchmark`: how fast we are, as ratios against others."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count, islice

from hydra import initialize_config_dir
from omegaconf import DictConfig

from gcm.benchmark.base import LeftOutError, Result, measured_in_turns
from gcm.benchmark.new_process import in_new_process
from gcm.benchmark.own_training import OwnTraining
from gcm.benchmark.row import ROWS, RowName
from gcm.benchmark.setting import Setting
from gcm.benchmark.table import show_benchmark, write_benchmark
from gcm.cli.compose import composed
from gcm.cli.console import say, say_next
from gcm.cli.declaration import task
from gcm.cli.device import device_of, machine
from gcm.cli.image_data import image_data
from gcm.cli.named_networks import named_data
from gcm.cli.run_directory import run_directory
from gcm.cli.train_network import training_module
from gcm.cli.versions import versions
from gcm.command import CONFIGS
from gcm.error import InputError
from gcm.instantiate import instantiate
from gcm.model import GCM, PooledClassifier
from gcm.types import PositiveCount
from gcm.zoo import SavedNetwork, read_saved

PEERS = ("captum", "grad-cam", "torchcam", "zennit")


@task(
    help="how fast, as ratios against others: rows=[gradients]",
)
def benchmark(
    config: DictConfig,
    rows: tuple[RowName, ...],
    rounds: PositiveCount = 5,
    batch_size: PositiveCount = 64,
    cnn: str = "cnn_cifar10",
    gcm: str = "gcm_cifar10",
) -> None:
    """Measure each comparison of the rows in `rounds` rounds; what needs a library that is not there is left out."""
    networks = read_saved(cnn), read_saved(gcm)
    setting = setting_of(config, *networks, batch_size)
    with run_directory(config, *networks) as directory:
        results: list[Result] = []
        left_out: list[str] = []
        for name in rows:
            try:
                for result in measured_row(setting, name, rounds):
                    results.append(result)
                    write_benchmark(results, left_out, origin(config), directory)
                    say(f"{name}: {result.what} against {result.against}: {result.ratio:.2f}")
            except ModuleNotFoundError as error:
                left_out.append(f'{name}: the rest needs {error.name}: pip install -e ".[bench]"')
            except LeftOutError as reason:
                left_out.append(f"{name}: left out, {reason}")
            write_benchmark(results, left_out, origin(config), directory)
    show_benchmark(results)
    for line in left_out:
        say(line)
    say(f"files: {directory}/benchmark.csv, benchmark.md")
    say_next("task=benchmark", f"rows=[{rows[0]}]", f"task.rounds={2 * rounds}")


def measured_row(setting: Setting, name: RowName, rounds: int) -> Iterator[Result]:
    """Measure each comparison in a process of its own: how fast memory is depends on what a process did before."""
    for place in count():
        result = in_new_process(measured_alone, setting, name, place, rounds)
        if result is None:
            return
        yield result


def measured_alone(setting: Setting, name: RowName, place: int, rounds: int) -> Result | None:
    comparison = next(islice(ROWS[name](setting), place, None), None)
    return None if comparison is None else measured_in_turns(name, comparison, rounds)


def setting_of(config: DictConfig, cnn: SavedNetwork, gcm: SavedNetwork, batch_size: int) -> Setting:
    data = named_data(config, [cnn, gcm])
    pooled, own = cnn.network(), gcm.network()
    if not isinstance(pooled, PooledClassifier) or not isinstance(own, GCM):
        raise InputError(f"task.cnn must name a CNN and task.gcm a GCM, got {cnn.card.name} and {gcm.card.name}")
    if batch_size > len(data.test):
        raise InputError(f"task.batch_size must be 1 to {len(data.test)}, the test images; got {batch_size}")
    return Setting(pooled, own, data.test, batch_size, partial(own_training, data.root))


def own_training(root: str, words: Sequence[str]) -> OwnTraining:
    from gcm.cli.training_bars import training_bars
    from gcm.training.module import parameter_groups
    from gcm.training.trainer import lightning_trainer

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = composed([*words, f"data.root={root}"])
    data = image_data(config.data)
    return OwnTraining(
        data=data,
        half=config.trainer.precision == "bf16-mixed",
        new_network=lambda: instantiate(config.model, data.spec, key="model"),
        new_module=lambda directory: training_module(config, data, directory, origin={}),
        new_trainer=lambda directory, clock: lightning_trainer(
            config.trainer, directory, [clock, *training_bars(config.trainer)], False, False
        ),
        new_optimizer=lambda module: instantiate(
            config.optimizer, parameter_groups(module.network, config.optimizer), key="optimizer"
        ),
    )


def origin(config: DictConfig) -> Mapping[str, str]:
    """Return machine, threads and versions, for the files."""
    there = {}
    for library in PEERS:
        try:
            there[library] = version(library)
        except PackageNotFoundError:
            continue
    libraries = ", ".join(f"{name} {number}" for name, number in (versions() | there).items())
    return {"machine": machine(device_of(config)), "versions": libraries}
