"""The shipped networks for `torch.hub`: `torch.hub.load("OWNER/gcm", "gcm_cifar10")`."""

from functools import partial

import gcm

dependencies = ["torch", "torchvision", "omegaconf", "pydantic", "safetensors", "sklearn", "scipy"]

for _name in gcm.list_models():
    globals()[_name] = partial(gcm.load, _name)
    globals()[_name].__doc__ = f"{_name} in evaluation mode, with its card as `.card`."
