"""Filters decide by how often each path of them contributes most to the true class's score."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.error import InputError
from gcm.model import Classifier, PathNetwork, evaluation_mode
from gcm.model.base import check_entering
from gcm.progress import SILENT, Progress
from gcm.study.accuracy.predictions import are_right
from gcm.study.selection import first_of_each_class


class FilterPath(NamedTuple):
    """A filter of the first layer, then one of the second; both counted from 0."""

    first: int
    second: int

    def __str__(self) -> str:
        return f"{self.first + 1}→{self.second + 1}"


@dataclass(frozen=True)
class FilterContributions:
    """The contribution of each path to the true class's score, for `n` images of each class.

    Attributes:
        classes: their names.
        places: `(K,n)`, of the images in their split.
        parts: `(K,n,F1,F2)`.
        right: `(K,n)`, whether the network classifies the image correctly.
    """

    classes: tuple[str, ...]
    places: Tensor
    parts: Tensor
    right: Tensor

    @property
    def paths(self) -> list[FilterPath]:
        _, _, first, second = self.parts.shape
        return [FilterPath(i, j) for i in range(first) for j in range(second)]

    @cached_property
    def ranked(self) -> Tensor:
        """The places in `paths` of each image's strongest and second strongest path, `(K,n,2)`; ties by place."""
        return self.parts.flatten(2).sort(dim=2, descending=True, stable=True).indices[:, :, :2]

    def shares(self, rank: int) -> Tensor:
        """Return the share of a class's images for which each path is first (`rank` 0) or second (1): `(K,F1,F2)`."""
        counts = F.one_hot(self.ranked[:, :, rank], len(self.paths)).sum(1)  # (K,n) -> (K,F1*F2)
        return counts.double().view(-1, *self.parts.shape[2:]) / self.ranked.shape[1]

    @property
    def leading(self) -> list[tuple[FilterPath, FilterPath]]:
        """The path of each class that is most often first, and of the others the one most often second."""
        pairs = leading_pairs(self.shares(0).flatten(1), self.shares(1).flatten(1))
        return [(self.paths[first], self.paths[second]) for first, second in pairs.tolist()]

    def example(self, label: int) -> int:
        """Return the place of the first image of a class that is classified correctly; if none is, of its first."""
        return int(self.places[label, int(self.right[label].int().argmax())])


def filter_contributions(
    name: str,
    network: Classifier,
    split: Split,
    images_per_class: int | None,
    batch_size: int = 1000,
    progress: Progress = SILENT,
) -> FilterContributions:
    """Measure contributions for the first `images_per_class` images of each class in a split.

    None: as `first_of_each_class` has it. Raises `InputError` for networks that have no such paths, and where a class
    has fewer images.
    """
    network = check_paths(network, name)
    classes = network.spec.classes
    places = first_of_each_class(split.labels, classes, images_per_class)
    device = next(network.parameters()).device
    parts, right = [], []
    chosen = split.subset(places.flatten())
    with torch.inference_mode(), evaluation_mode(network):
        for pixels, labels in pixel_batches(chosen, batch_size, device, "filter contributions", progress.of(name)):
            account = network.contributions(pixels, labels.unsqueeze(1))
            parts.append(account.parts[:, 0].cpu())  # (B,1,F1,F2) -> (B,F1,F2)
            right.append(are_right(account.logits, labels).cpu())
    shape = places.shape
    return FilterContributions(
        classes, places, torch.cat(parts).unflatten(0, shape).clone(), torch.cat(right).unflatten(0, shape).clone()
    )


def check_paths(network: Classifier, name: str) -> PathNetwork:
    if not isinstance(network, PathNetwork):
        raise InputError(
            f"{name} is a {type(network).__name__}; filter paths are defined for networks of the family convolution, "
            "ReLU, pooling, convolution, ReLU, pooling, linear: tiny_lenet, lenet"
        )
    if network.filters == (1, 1):
        raise InputError(f"{name} has one filter path; a ranking needs at least two")
    return network


def leading_pairs(first: Tensor, second: Tensor) -> Tensor:
    """Return the path most often first, and of the others the one most often second: `(…,2)`.

    `counts` `(…,P)` say how often each path is first and second.
    """
    leader = first.argmax(-1, keepdim=True)
    follower = second.double().scatter(-1, leader, -1).argmax(-1, keepdim=True)
    return torch.cat([leader, follower], -1)


def share_of_samples_that_differ(found: FilterContributions, samples: int = 1000, seed: int = 0) -> float:
    """Return in what share of bootstrap samples of each class's images no two classes have the same leading pair."""
    paths = len(found.paths)
    generator = np.random.default_rng(seed)
    pairs = []
    for ranked in found.ranked:  # (n,2), class by class
        seen, times = ranked.unique(dim=0, return_counts=True)  # (U,2), (U): the pairs that occur
        drawn = generator.multinomial(len(ranked), (times.double() / len(ranked)).numpy(), size=samples)  # (S,U)
        first, second = (
            torch.zeros(samples, paths, dtype=torch.int64).index_add_(1, places, torch.from_numpy(drawn))
            for places in seen.T
        )
        pairs.append(leading_pairs(first, second))
    named = torch.stack(pairs, 1) @ torch.tensor([paths, 1])  # (S,K,2) -> (S,K), a number for each pair
    return sum(len(set(sample)) == len(sample) for sample in named.tolist()) / samples


@dataclass(frozen=True)
class FilterResponses:
    """The filters of a path network and their responses to some images. `p q`: size of the small maps.

    Attributes:
        filters1: `(F1,k,k)`, the mean over the image's channels.
        filters2: `(F1,F2,k,k)`.
        images: `(N,C,H,W)`.
        maps1: `(N,F1,h,w)`, the first layer's after pooling.
        small_maps: `(N,T,F1,F2,p,q)` for `T` classes; their sums are the contributions.
    """

    filters1: Tensor
    filters2: Tensor
    images: Tensor
    maps1: Tensor
    small_maps: Tensor


def filter_responses(network: PathNetwork, images: Tensor, targets: Tensor | None = None) -> FilterResponses:
    """Return the small maps of all classes, or of target classes: `(T,)` or `(N,T)`."""
    check_entering(network, images)
    with torch.inference_mode(), evaluation_mode(network):
        return FilterResponses(
            network.convolution1.weight.detach().mean(1).cpu(),
            network.convolution2.weight.detach().transpose(0, 1).cpu(),
            images.cpu(),
            network.first_maps(images).cpu(),
            network.path_contribution_maps(images, targets).cpu(),
        )


def path_pixel_maps(network: PathNetwork, image: Tensor, label: int, paths: Sequence[FilterPath]) -> Tensor:
    """Return which pixels of an image `(1,C,H,W)` bring what to a class through each path: `(P,C,H,W)`.

    The gradient of a path's contribution times the image. With the switches held a contribution is linear in the image,
    so a map's sum is the contribution, but for what the first convolution's bias brings through that path.
    """
    check_entering(network, image)
    with torch.enable_grad(), evaluation_mode(network):
        leaf = image.detach().clone().requires_grad_()
        parts = network.contributions(leaf.clone()).parts[0, label]
        gradients = [torch.autograd.grad(parts[path], leaf, retain_graph=True)[0] for path in paths]
    return torch.cat(gradients) * image
