"""CNNs that are interpretable by design, measured against post-hoc heat maps.

`import gcm` is quick: the parts (`gcm.data`, `gcm.model`, `gcm.visualizer`, `gcm.rendering`, `gcm.metric`,
`gcm.zoo`) are imported when first used.
"""

import importlib
from types import ModuleType

PARTS = ("data", "metric", "model", "rendering", "visualizer", "zoo")

__all__ = list(PARTS)


def __getattr__(name: str) -> ModuleType:
    if name in PARTS:
        return importlib.import_module(f"gcm.{name}")
    raise AttributeError(f"module 'gcm' has no attribute {name!r}; it has {', '.join(PARTS)}")
