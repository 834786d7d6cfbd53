"""Every metric, and batches of which each takes what it needs."""

from dataclasses import replace
from functools import partial

import torch
from sample import configured

from gcm.instantiate import instantiate, resolve
from gcm.metric import (
    CompletenessResidual,
    DeclineRatio,
    Deletion,
    ImageMetric,
    Insertion,
    LogitResidual,
    Pointing,
    RankCorrelation,
    RelativeChange,
    Sparseness,
)
from gcm.model import Contributions


class LargestValue(ImageMetric):
    """A metric of one's own."""

    def __init__(self, power=1):
        super().__init__()
        self.power = power

    def update(self, maps):
        self.add(maps.double().amax((1, 2, 3)) ** self.power)


METRICS = {
    "deletion": lambda: Deletion(steps=3),
    "deletion in white": lambda: Deletion(baseline=1.0, steps=3),
    "deletion, finer": lambda: Deletion(steps=5),
    "deletion, another seed": lambda: Deletion(steps=3, seed=1),
    "insertion": lambda: Insertion(steps=3),
    "insertion in white": lambda: Insertion(baseline=1.0, steps=3),
    "pointing": Pointing,
    "rank correlation": RankCorrelation,
    "relative change": RelativeChange,
    "sparseness": Sparseness,
    "sparseness, narrow interval": lambda: Sparseness(confidence=0.5),
    "logit residual": LogitResidual,
    "decline ratio": DeclineRatio,
    "decline ratio, narrow interval": lambda: DeclineRatio(confidence=0.5),
    "completeness": CompletenessResidual,
    "largest value": LargestValue,
    "its square": lambda: LargestValue(power=2),
}
KINDS = {type(build()) for build in METRICS.values()}
METRICS |= {
    f"configured {name}": partial(instantiate, settings, key="metric")
    for name, settings in configured("metric").items()
    if not any(issubclass(resolve(settings, "metric"), kind) for kind in KINDS)
}
"""And every configured metric that is no other way to apply one of these."""
CLASSES = 3


def network(images):
    """Logits that follow how bright each of three rows is."""
    return 4 * images.mean((1, 3))[:, :CLASSES]


def batch(kind="random", count=4, seed=0, dtype=torch.float32):
    """Arguments of all metrics by name; `black` images and maps look the same to most metrics, as do `even` maps."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        values = torch.randn(count, *shape, generator=generator)
        return values.mul(0 if kind == "black" else 1).add(1 if kind == "even" else 0).to(dtype)

    images = torch.rand(count, 2, 3, 4, generator=generator).mul(0 if kind == "black" else 1).to(dtype)
    maps, others, parts = drawn(CLASSES, 3, 4), drawn(CLASSES, 3, 4), drawn(CLASSES, 5)
    if kind in ("black", "even"):
        others, parts = maps, maps.flatten(2)
    logits = network(images)
    return {
        "network": network,
        "images": images,
        "maps": maps,
        "others": others,
        "logits": logits,
        "labels": torch.randint(CLASSES, (count,), generator=generator) * (kind == "random"),
        "targets": torch.arange(CLASSES).expand(count, CLASSES),
        "places": torch.rand(count, CLASSES, 3, 4, generator=generator) < (0.5 if kind == "random" else 2),
        "contributions": Contributions(logits, parts, torch.zeros_like(logits)),
    }


def cut(arguments, **axes):
    """The same with fewer of an axis: `cut(batch, images=0)`, `classes=`, `pixels=`."""
    images, classes, pixels = (slice(axes.get(name)) for name in ("images", "classes", "pixels"))
    account = arguments["contributions"]
    return {
        "network": lambda images: network(images)[:, classes],
        "images": arguments["images"][images, :, :, pixels],
        **{name: arguments[name][images, classes, :, pixels] for name in ("maps", "others", "places")},
        **{name: arguments[name][images, classes] for name in ("logits", "targets")},
        "labels": arguments["labels"][images].clamp_max(axes.get("classes", CLASSES) - 1),
        "contributions": replace(
            account,
            logits=account.logits[images, classes],
            parts=account.parts[images, classes, pixels],
            rest=account.rest[images, classes],
        ),
    }


def updated(metric, *batches):
    for arguments in batches:
        metric.update(**metric._filter_kwargs(**arguments))
    return metric
