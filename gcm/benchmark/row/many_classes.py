"""A thousand classes cost GCM nothing, as long as nobody asks for a thousand maps."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.benchmark.base import Comparison, Goal, Job, at_most, timed
from gcm.benchmark.memory import growth
from gcm.benchmark.new_process import in_new_process
from gcm.benchmark.setting import Setting
from gcm.data import ImageSpec
from gcm.model import GCM, GCMBackbone
from gcm.model.contribution_mapping import ContributionMapping
from gcm.visualizer import ClassWeightMaps

FEW, MANY, TOP = 10, 1000, 5
SMALL, LARGE = (128, 3, 32, 32), (8, 3, 224, 224)
Shape = tuple[int, int, int, int]
Kind = Callable[[ImageSpec], ContributionMapping]
Work = Callable[[Kind, int, Shape], Job]
"""A job for a network of a kind, with so many classes, and for images `(B,C,H,W)` of noise."""


class MapsMadeGCM(GCM):
    """GCM as its equations are written: every class's map is made, then multiplied with the image and averaged."""

    def _scores_without_maps(self, brightness: Tensor, decoded: Tensor) -> Tensor:
        product = self.decoded_weight_maps(decoded) * brightness.unsqueeze(1)  # (B,K,H,W)
        return product.mean((2, 3))


def many_classes(setting: Setting) -> Iterator[Comparison]:
    for what, work in (("a forward pass", forward_pass), ("a training step", training_step)):
        yield from against_few_classes(what, work, GCM, SMALL, at_most(1.15))
        yield from against_few_classes(f"{what}, maps made", work, MapsMadeGCM, SMALL, None)


def large_images(setting: Setting) -> Iterator[Comparison]:
    """Compare GCM on a backbone; it explains the classes with the highest scores."""
    resnet = partial(GCMBackbone, backbone="resnet18")
    for what, work in (("a forward pass", forward_pass), ("a training step", training_step)):
        yield from against_few_classes(f"gcm_backbone, resnet18: {what}", work, resnet, LARGE, at_most(1.15))
    what = f"gcm_backbone, resnet18: logits and maps of the top {TOP} of {MANY:,} classes"
    top, every = (timed(work(resnet, MANY, LARGE)) for work in (top_maps, all_maps))
    yield Comparison(what, "of all classes", top, every, None)
    top, every = (partial(in_new_process, memory_of, work, resnet, MANY, LARGE) for work in (top_maps, all_maps))
    yield Comparison(what, "of all classes", top, every, None, unit="MiB")


def against_few_classes(what: str, work: Work, kind: Kind, shape: Shape, goal: Goal | None) -> Iterator[Comparison]:
    """Compare the seconds, and the growth of a process of its own at its peak."""
    images, _, height, width = shape
    words = f"{what}, {MANY:,} classes, {images} images of {height}x{width}", f"{FEW} classes"
    many, few = (timed(work(kind, classes, shape)) for classes in (MANY, FEW))
    yield Comparison(*words, many, few, goal)
    many, few = (partial(in_new_process, memory_of, work, kind, classes, shape) for classes in (MANY, FEW))
    yield Comparison(*words, many, few, goal, unit="MiB")


def memory_of(work: Work, kind: Kind, classes: int, shape: Shape) -> float:
    """Return the memory of the job alone: what it needs of libraries is there after a smaller one."""
    work(kind, FEW, (2, *shape[1:]))()
    return growth(work(kind, classes, shape))


def forward_pass(kind: Kind, classes: int, shape: Shape) -> Job:
    network, images = kind(spec_of(classes, shape)).eval(), torch.rand(shape)

    def job() -> None:
        with torch.no_grad():
            network(images)

    return job


def training_step(kind: Kind, classes: int, shape: Shape) -> Job:
    network = kind(spec_of(classes, shape)).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    images, labels = torch.rand(shape), torch.randint(classes, shape[:1])

    def job() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return job


def top_maps(kind: Kind, classes: int, shape: Shape) -> Job:
    network, images = kind(spec_of(classes, shape)).eval(), torch.rand(shape)

    def job() -> Tensor:
        with torch.no_grad():
            decoded = network.decode(images)
            targets = network.scores(images, decoded).topk(TOP).indices
            return network.decoded_weight_maps(decoded, targets)

    return job


def all_maps(kind: Kind, classes: int, shape: Shape) -> Job:
    network, images = kind(spec_of(classes, shape)).eval(), torch.rand(shape)
    return lambda: ClassWeightMaps()(network, images)


def spec_of(classes: int, shape: Shape) -> ImageSpec:
    return ImageSpec.of(shape[1], shape[2], classes)
