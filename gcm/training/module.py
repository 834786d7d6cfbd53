"""One training loop serves every classifier."""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy

from gcm.data.augmentation import shifted_and_flipped, with_erased_square
from gcm.data.base import Batch, ImageData
from gcm.data.loader import seeded_generator
from gcm.instantiate import instantiate
from gcm.model import Classifier, StochasticClassifier
from gcm.precision import Applied, at_least, widened
from gcm.training.history import History
from gcm.training.trainer import planned_steps


class ClassifierTraining(LightningModule):
    """Trains a network by softmax and cross-entropy on its logits; measures loss and accuracy of each split once an
    epoch.

    Batches arrive as uint8; augmentation and the change to float in [0,1] happen here, on the network's device.

    Args:
        network: the network to train.
        data: the source of the batches; says how they are augmented.
        optimizer, schedule: configs with `_target_`, built when the trainer is ready; only for fitting.
        label_smoothing: share of the target spread over all classes, for training only.
        channels_last: memory layout of images and weights.
        seed: seed of the augmentation.
        origin: stored in every checkpoint under `gcm`, with the seconds of training so far.
        history: the log in which each epoch's measures are written down.
    """

    def __init__(
        self,
        network: Classifier,
        data: ImageData,
        optimizer: DictConfig | None = None,
        schedule: DictConfig | None = None,
        label_smoothing: float = 0.0,
        channels_last: bool = False,
        seed: int = 0,
        origin: Mapping[str, Any] | None = None,
        history: History | None = None,
    ) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network: Classifier = network.to(memory_format=self.memory_format)
        self.data = data
        self.optimizer_config, self.schedule_config = optimizer, schedule
        self.label_smoothing = label_smoothing
        self.seed = seed
        self.origin = origin or {}
        self.history = history
        self.measured: dict[str, float] = {}  # since the latest row of the history
        self.earlier_seconds = 0.0
        self.began = time.monotonic()
        self.measures = nn.ModuleDict(
            {split: LossAndAccuracy(len(network.spec.classes)) for split in ("train_", "val_", "test_")}
        )

    @property
    def training_seconds(self) -> float:
        """The seconds of all parts of a resumed training together."""
        return self.earlier_seconds + time.monotonic() - self.began

    def on_fit_start(self) -> None:
        self.began = time.monotonic()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        images, labels = batch
        generator = seeded_generator(images.device, self.seed, self.current_epoch, batch_index, self.global_rank)
        images = shifted_and_flipped(images, self.data.crop_padding, self.data.flip, generator)
        images = with_erased_square(images, self.data.erased_square, generator)
        default_generator(images.device).manual_seed(generator.initial_seed())  # what a stochastic network draws
        logits = self.network(self.as_pixels(images))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        if isinstance(self.network, StochasticClassifier):
            loss = loss + self.network.complexity() / len(self.data.train)
        self.latest_batch_loss = self.measures_of("train_").update(logits.detach(), labels)
        return loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Go back from the mean over a step's batches.

        The last step of an epoch may have fewer than `accumulate_grad_batches`, by which Lightning divides each time.
        """
        every, batches = self.trainer.accumulate_grad_batches, int(self.trainer.num_training_batches)
        left = batches % every
        if left and self.trainer.fit_loop.epoch_loop.batch_idx >= batches - left:
            loss = loss * (every / left)
        super().backward(loss, *args, **kwargs)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self.evaluate(batch, "val_")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self.evaluate(batch, "test_")

    def evaluate(self, batch: Batch, split: str) -> None:
        images, labels = batch
        self.measures_of(split).update(self.network(self.as_pixels(images)), labels)

    def measures_of(self, split: str) -> "LossAndAccuracy":
        measures = self.measures[split]
        assert isinstance(measures, LossAndAccuracy)
        return measures

    def as_pixels(self, images: Tensor) -> Tensor:
        """Turn uint8 into float in [0,1], of the weights' own type."""
        pixels = images.contiguous(memory_format=self.memory_format).float().div_(255)
        return pixels.to(next(self.network.parameters()).dtype)

    def on_train_epoch_end(self) -> None:
        self.log_measures("train_")
        self.add_row(self.current_epoch + 1)

    def on_validation_end(self) -> None:
        """Add a row where the epoch goes on; else the validation stands in the epoch's own row."""
        trainer = self.trainer
        if not (trainer.sanity_checking or trainer.is_last_batch or trainer.should_stop):
            done = (trainer.fit_loop.epoch_loop.batch_idx + 1) / trainer.num_training_batches
            self.add_row(round(self.current_epoch + done, 4))

    def add_row(self, epoch: float) -> None:
        measured, self.measured = dict(sorted(self.measured.items())), {}
        if self.history is not None and self.trainer.is_global_zero:
            latest = {"latest_batch_loss": float(self.latest_batch_loss), "lr": self.learning_rate}
            self.history.add({"epoch": epoch, "step": self.global_step, **measured, **latest})

    def on_fit_end(self) -> None:
        if self.history is not None and self.trainer.is_global_zero:
            self.history.draw()

    def on_validation_epoch_end(self) -> None:
        self.log_measures("val_")

    def on_test_epoch_end(self) -> None:
        self.log_measures("test_")

    def log_measures(self, split: str) -> None:
        values = {split + name: value for name, value in self.measures_of(split).collect().items()}
        self.log_dict(values, prog_bar=True, sync_dist=True)  # the same in all processes; Lightning wants it said
        if not self.trainer.sanity_checking:
            self.measured |= {name: float(value) for name, value in values.items()}

    @property
    def learning_rate(self) -> float:
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        assert self.optimizer_config is not None
        assert self.schedule_config is not None
        optimizer = instantiate(
            self.optimizer_config, parameter_groups(self.network, self.optimizer_config), key="optimizer"
        )
        schedule = instantiate(self.schedule_config, optimizer, planned_steps(self.trainer), key="schedule")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.origin:
            checkpoint["gcm"] = {**self.origin, "training_seconds": self.training_seconds}
        checkpoint["history"] = self.history.rows if self.history is not None else []
        checkpoint["measures"] = self.measures_of("train_").gathered()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.history is not None:
            self.history.rows = list(checkpoint["history"])
        if self.origin:
            self.earlier_seconds = checkpoint["gcm"]["training_seconds"]
        if self.global_rank == 0:  # which goes on with what all processes gathered
            self.measures_of("train_").go_on_with(checkpoint["measures"])


def default_generator(device: torch.device) -> torch.Generator:
    """Return the generator that PyTorch draws from on a device; `torch.manual_seed` formats the whole stack at every
    call.
    """
    return torch.cuda.default_generators[device.index] if device.type == "cuda" else torch.default_generator


class LossAndAccuracy(nn.Module):
    """Loss and accuracy are gathered batch by batch and added up over processes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.loss: Metric = MeanMetric(nan_strategy=math.nan)  # kept, where others would be left out of the mean
        self.accuracy: Metric = MulticlassAccuracy(classes, average="micro", validate_args=False)

    def _apply(self, fn: Applied, recurse: bool = True) -> nn.Module:
        """Move with the network, but never become narrower than float32, whatever the trainer's precision."""
        super()._apply(at_least(torch.float32, fn), recurse)
        return self

    def update(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Count a batch; return its loss, the plain cross-entropy, whatever the training smooths or adds."""
        loss = F.cross_entropy(widened(logits), labels)
        self.loss.update(loss, weight=len(labels))
        self.accuracy.update(logits, labels)
        return loss

    def gathered(self) -> dict[str, dict[str, Any]]:
        """Return what all processes gathered since the last collection."""
        with self.loss.sync_context(), self.accuracy.sync_context():
            return {"loss": dict(self.loss.metric_state), "accuracy": dict(self.accuracy.metric_state)}

    def go_on_with(self, gathered: Mapping[str, Mapping[str, Any]]) -> None:
        for metric, states in ((self.loss, gathered["loss"]), (self.accuracy, gathered["accuracy"])):
            for name, value in states.items():
                setattr(metric, name, value)

    def collect(self) -> dict[str, Tensor]:
        """Return the values since the last collection, and begin anew."""
        values = {"loss": self.loss.compute(), "accuracy": self.accuracy.compute()}
        self.loss.reset()
        self.accuracy.reset()
        return values


def parameter_groups(network: nn.Module, optimizer: DictConfig) -> list[dict[str, Any]]:
    """Group parameters so that weight decay acts on weights only: not on biases, nor on batch normalisation."""
    weights = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [
        {"params": weights, "weight_decay": optimizer.get("weight_decay", 0.0)},
        {"params": others, "weight_decay": 0.0},
    ]
