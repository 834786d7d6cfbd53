"""`task=test`: loss and accuracy of finished networks on the test set."""

from omegaconf import DictConfig

from gcm.file import write_json
from gcm.report.console import say, show_table
from gcm.task.run_directory import run_directory
from gcm.task.weights import named_data, named_networks


def test(config: DictConfig) -> None:
    from gcm.training.batches import ImageBatches
    from gcm.training.module import ClassifierTraining
    from gcm.training.trainer import lightning_trainer

    networks = named_networks(config)
    data = named_data(config, networks)
    directory = run_directory(config)
    rows = []
    for saved in networks:
        trainer = lightning_trainer(config.trainer, directory, [], tensorboard=False, validated=False)
        module = ClassifierTraining(saved.network(), data, channels_last=config.channels_last)
        (tested,) = trainer.test(module, ImageBatches(data), verbose=False)
        rows.append({"network": saved.name, "seed": saved.seed, **tested, "test_images": len(data.test), "weights": str(saved.path)})
    write_json(directory / "result.json", rows)
    show_table("Test", [{**row, "test_accuracy": f"{row['test_accuracy']:.2%}", "test_loss": f"{row['test_loss']:.4f}"} for row in rows])
    say(f"files: {directory}")
