"""`task=train`: fit a network, then test it."""

from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gcm.cli.console import say, say_next, show_results
from gcm.cli.declaration import TRAINING_SETTINGS, task
from gcm.cli.resume.training import (
    all_words,
    resumable,
    resumed_config,
)
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.cli.train_network import say_unless_complete, train_network, train_or_go_on

if TYPE_CHECKING:
    pass


@task(
    help="fit, then test",
    reads=TRAINING_SETTINGS,
    trains=True,
    parallel=True,
    resumable=True,
    leaves_result=True,
)
def train(config: DictConfig) -> float | None:
    """Fit and test; with `resume=` go on with a run, by its own config.

    Returns the validation accuracy, if there are validation images.
    """
    if config.resume is None:
        with run_directory(config) as directory:
            result = train_or_go_on(config, directory)
    else:
        with resumed_directory(config) as directory:
            begun = resumable(directory)
            result = train_network(resumed_config(config, begun, directory), directory, begun.card, all_words(begun))
    show_results([result])
    say(f"run directory: {directory}")
    say_unless_complete(config, directory, directory)
    if result["test_images"]:
        say_next("task=explain", f"weights={directory}")
    else:
        say("not tested: there are no test images")
    return result.get("val_accuracy")
