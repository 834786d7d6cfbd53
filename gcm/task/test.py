"""`task=test`: loss and accuracy of finished networks on the test set."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gcm.atomic_write import write_json
from gcm.cli.console import say, say_next, show_results
from gcm.cli.declaration import task
from gcm.cli.distributed import goes_on_alone
from gcm.cli.named_networks import named_data, named_networks, with_first
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import task_overrides
from gcm.data import ImageData
from gcm.launch import start_together
from gcm.types import PositiveCount
from gcm.zoo import SavedNetwork


@task(
    help="test finished runs: weights=RUN",
    reads=("weights", "channels_last", "trainer.precision"),
    parallel=True,
    leaves_result=True,
)
def test(config: DictConfig, images: PositiveCount | None) -> None:
    """Test every network in `weights=`, on the first `images` or all; `result.json` gets a list of their results, with
    the precision of each.
    """
    networks = named_networks(config)
    data = with_first(named_data(config, networks), images)
    with run_directory(config, *networks) as directory:
        results = [tested(saved, data, config, directory) for saved in networks]
        if not goes_on_alone():
            return
        write_json(directory / "result.json", results)
    show_results(results)
    say(f"files: {directory}")
    say_next("task=explain", f"weights={networks[0].path}")


def tested(saved: SavedNetwork, data: ImageData, config: DictConfig, directory: Path) -> dict[str, Any]:
    """Return loss and accuracy of a network as the trainer's settings have it compute.

    Lightning does this, and not `gcm.study.accuracy`, because here `trainer.precision`, `strategy` and `devices` decide
    in which numbers the network computes and how many processes share the images; a card's accuracy is measured in
    float32 by one.
    """
    from gcm.cli.training_bars import training_bars
    from gcm.training.batches import ImageBatches
    from gcm.training.module import ClassifierTraining
    from gcm.training.trainer import lightning_trainer

    network = saved.network()
    bars = training_bars(config.trainer)
    trainer = lightning_trainer(config.trainer, directory, bars, tensorboard=False, validated=False)
    module = ClassifierTraining(network, data, channels_last=config.channels_last)
    start_together()
    (measured,) = trainer.test(module, ImageBatches(data), verbose=False)
    return {
        "network": saved.card.name,
        "data": data.name,
        "seed": saved.card.seed,
        "parameters": network.parameter_count(),
        "epochs": saved.card.epochs,
        **measured,
        "test_images": len(data.test),
        "precision": trainer.precision,
        "weights": str(saved.path),
        "overrides": task_overrides(),
    }
