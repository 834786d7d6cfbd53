"""Lightning shows a training on the screen by these bars."""

from omegaconf import DictConfig
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import RichModelSummary, RichProgressBar


def training_bars(settings: DictConfig) -> list[Callback]:
    """Return the callbacks that show bars, and a summary of the network, as the trainer's settings want them."""
    bars: list[Callback] = [RichProgressBar(refresh_rate=10)] if settings.get("enable_progress_bar", True) else []
    # Lightning's own summary would be said in a log that is not shown
    return [*bars, RichModelSummary()] if settings.get("enable_model_summary", False) else bars
