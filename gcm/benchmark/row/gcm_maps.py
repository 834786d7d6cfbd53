"""GCM's own account costs little: the picture is the classification."""

from collections.abc import Iterator

import torch

from gcm.benchmark import peer
from gcm.benchmark.base import Comparison, at_least, at_most, timed
from gcm.benchmark.setting import Setting
from gcm.visualizer import ClassWeightMaps, GradCAM


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
