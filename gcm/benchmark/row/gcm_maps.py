"""What GCM's own account costs, and what it does not: the picture is the classification."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.benchmark import peer
from gcm.benchmark.base import Comparison, Goal, Job, at_least, at_most, timed
from gcm.benchmark.memory import growth, in_new_process
from gcm.benchmark.setting import Setting
from gcm.data import ImageSpec
from gcm.model import GCM
from gcm.visualizer import ClassWeightMaps, GradCAM

FEW, MANY = 10, 1000
BATCH, SIZE = 32, 32


def gcm_maps(setting: Setting) -> Iterator[Comparison]:
    network, images = setting.gcm, setting.images

    def logits() -> None:
        with torch.no_grad():
            network(images)

    own = timed(lambda: ClassWeightMaps()(network, images))
    libraries = peer.for_libraries(setting.cnn)
    yield Comparison("gcm: logits and all maps", "gcm: logits alone", own, timed(logits), at_most(1.35))
    yield Comparison(
        "gcm: logits and all maps",
        "grad_cam, all classes, ours, on the CNN",
        own,
        timed(lambda: GradCAM()(setting.cnn, images)),
        at_most(1.5),
    )
    yield Comparison(
        "gcm: logits and all maps",
        "captum, LayerGradCam, class by class, on the CNN",
        own,
        timed(peer.captum_grad_cam(libraries, images)),
        at_least(5),
    )


class MapsMadeGCM(GCM):
    """GCM as its equations are written: every class's map is made, then multiplied with the image and averaged."""

    def _scores_without_maps(self, brightness: Tensor, decoded: Tensor) -> Tensor:
        product = self.decoded_weight_maps(decoded) * brightness.unsqueeze(1)  # (B,K,H,W)
        return product.mean((2, 3))


def many_classes(setting: Setting) -> Iterator[Comparison]:
    """On images of noise; memory is what a process grows by at its peak."""
    jobs = (("a forward pass", forward_pass), ("a training step", training_step))
    kinds: tuple[tuple[type[GCM], str, Goal | None], ...] = (
        (GCM, "", at_most(1.15)),
        (MapsMadeGCM, ", maps made", None),
    )
    for what, job in jobs:
        for kind, name, goal in kinds:
            words = f"{what}, {MANY:,} classes{name}", f"{FEW} classes{name}"
            many, few = (timed(job(kind, classes)) for classes in (MANY, FEW))
            yield Comparison(*words, many, few, goal)
            many, few = (partial(in_new_process, memory_of, job, kind, classes) for classes in (MANY, FEW))
            yield Comparison(*words, many, few, goal, unit="MiB")


def memory_of(job: Callable[[type[GCM], int], Job], kind: type[GCM], classes: int) -> float:
    todo = job(kind, classes)
    todo()
    return growth(todo)


def forward_pass(kind: type[GCM], classes: int) -> Job:
    network = kind(ImageSpec.of(3, SIZE, classes)).eval()
    images = torch.rand(BATCH, 3, SIZE, SIZE)

    def job() -> None:
        with torch.no_grad():
            network(images)

    return job


def training_step(kind: type[GCM], classes: int) -> Job:
    network = kind(ImageSpec.of(3, SIZE, classes)).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    images, labels = torch.rand(BATCH, 3, SIZE, SIZE), torch.randint(classes, (BATCH,))

    def job() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return job
