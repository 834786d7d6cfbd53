"""The shipped networks for `torch.hub`: `torch.hub.load("path/to/clone", "gcm_cifar10", source="local")`."""

from functools import partial as _partial

import gcm as _gcm

dependencies = ["torch", "torchvision", "torchmetrics", "omegaconf", "pydantic", "annotated_types", "safetensors",
                "sklearn", "scipy", "numpy", "PIL"]  # fmt: skip

for _name in _gcm.list_models():
    globals()[_name] = _partial(_gcm.load, _name)
    globals()[_name].__doc__ = f"{_name} in evaluation mode, with its card as `.card`."
