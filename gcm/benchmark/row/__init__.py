"""Rows of the benchmark, by the name that `rows=` takes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from gcm.benchmark.base import Comparison
from gcm.benchmark.row.decline_ratio_table import decline_ratio_table
from gcm.benchmark.row.explanation import class_activation_maps, gradients, occlusion, relevance
from gcm.benchmark.row.gcm_maps import gcm_maps
from gcm.benchmark.row.gpu import gpu
from gcm.benchmark.row.many_classes import large_images, many_classes
from gcm.benchmark.row.start import start
from gcm.benchmark.row.training import small_training, training
from gcm.benchmark.setting import Setting

RowName = Literal[
    "class_activation_maps",
    "gradients",
    "occlusion",
    "relevance",
    "decline_ratio_table",
    "gcm_maps",
    "many_classes",
    "large_images",
    "training",
    "small_training",
    "start",
    "gpu",
]

ROWS: Mapping[RowName, Callable[[Setting], Iterator[Comparison]]] = {
    "class_activation_maps": class_activation_maps,
    "gradients": gradients,
    "occlusion": occlusion,
    "relevance": relevance,
    "decline_ratio_table": decline_ratio_table,
    "gcm_maps": gcm_maps,
    "many_classes": many_classes,
    "large_images": large_images,
    "training": training,
    "small_training": small_training,
    "start": start,
    "gpu": gpu,
}
