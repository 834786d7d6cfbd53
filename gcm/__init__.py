"""CNNs that are interpretable by design, measured against post-hoc heat maps.

>>> import gcm
>>> network = gcm.load("gcm_digits")
>>> network.card.name
'gcm_digits'

`import gcm` is quick: `load`, `list_models` and the parts (`gcm.data`, `gcm.model`, `gcm.zoo`, `gcm.visualizer`,
`gcm.rendering`, `gcm.metric`) are imported when first used. Nothing is printed: messages besides results go to the
standard library's log, `logging.getLogger("gcm")`.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcm import data, metric, model, rendering, visualizer, zoo
    from gcm.zoo import list_models, load

__all__ = ["data", "list_models", "load", "metric", "model", "rendering", "visualizer", "zoo"]


logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in ("list_models", "load"):
        return getattr(importlib.import_module("gcm.zoo"), name)
    if name in __all__:
        return importlib.import_module(f"gcm.{name}")
    raise AttributeError(f"module 'gcm' has no attribute {name!r}; it has {', '.join(__all__)}")
