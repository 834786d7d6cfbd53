"""The same maps on a GPU, where there is one."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor

from gcm.benchmark import peer
from gcm.benchmark.base import Comparison, Job, LeftOutError, timed
from gcm.benchmark.setting import Setting
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, explain_with

PASSES = 20
"""The number of batches, one after the other, before the GPU is waited for."""


def gpu(setting: Setting) -> Iterator[Comparison]:
    if not torch.cuda.is_available():
        raise LeftOutError("there is no GPU")
    yield from on_device(setting, torch.device("cuda"))


def on_device(setting: Setting, device: torch.device) -> Iterator[Comparison]:
    cnn, gcm = deepcopy(setting.cnn).to(device), deepcopy(setting.gcm).to(device)
    images = setting.images.to(device)
    maps = {"cam": CAM(), "grad_cam": GradCAM()}
    words = f"{PASSES} batches of {len(images)} on {device.type}, float32"
    yield Comparison(
        f"cam and grad_cam, {words}",
        "captum, LayerGradCam, class by class",
        timed(repeated(lambda: explain_with(maps, cnn, images), device)),
        timed(repeated(peer.captum_grad_cam(peer.for_libraries(cnn), images), device)),
        None,
    )
    yield Comparison(
        f"gcm: logits and all maps, {words}",
        "gcm: logits alone",
        timed(repeated(lambda: ClassWeightMaps()(gcm, images), device)),
        timed(repeated(logits_of(gcm, images), device)),
        None,
    )


def repeated(job: Job, device: torch.device) -> Job:
    def jobs() -> None:
        for _ in range(PASSES):
            job()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return jobs


def logits_of(network: torch.nn.Module, images: Tensor) -> Callable[[], Tensor]:
    def logits() -> Tensor:
        with torch.no_grad():
            found: Tensor = network(images)
            return found

    return logits
