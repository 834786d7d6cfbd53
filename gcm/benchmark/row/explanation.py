"""Maps of all classes for a batch, against libraries that explain one class at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from gcm.benchmark import peer
from gcm.benchmark.base import Comparison, Goal, at_least, timed
from gcm.benchmark.setting import Setting
from gcm.model import Classifier, PooledClassifier
from gcm.visualizer import CAM, LRP, DeepTaylor, GradCAM, GuidedBackprop, GuidedGradCAM, Occlusion, Saliency, Visualizer
from gcm.visualizer.base import explain_with

PLAIN, COPY, HALF = "float32", "float32, evaluation copy", "bfloat16, evaluation copy"
PATCH = 4

Peer = Callable[[PooledClassifier, Tensor], peer.Maps]
Wanted = tuple[str, Goal | None]
"""The way in which we explain, and the ratio that it should reach."""


def class_activation_maps(setting: Setting) -> Iterator[Comparison]:
    both = {"cam": CAM(), "grad_cam": GradCAM()}
    yield from compared(
        setting,
        both,
        "captum, LayerGradCam",
        peer.captum_grad_cam,
        [(PLAIN, at_least(10)), (COPY, None), (HALF, at_least(25))],
    )
    yield from compared(setting, both, "grad-cam, GradCAM", peer.grad_cam_library, [(PLAIN, at_least(20))])
    yield from compared(setting, both, "torchcam, GradCAM", peer.torchcam_grad_cam, [(PLAIN, at_least(8))])
    yield from compared(
        setting, both, "torchcam, GradCAM on one kept forward pass", peer.torchcam_kept, [(PLAIN, None)]
    )


def gradients(setting: Setting) -> Iterator[Comparison]:
    def goals(same_layout: float) -> list[Wanted]:
        return [(PLAIN, at_least(same_layout)), (COPY, at_least(2.3)), (HALF, at_least(3.5))]

    guided = {"guided_backprop": GuidedBackprop()}
    yield from compared(setting, guided, "captum, GuidedBackprop", peer.captum_guided_backprop, goals(1.6))
    guided_grad_cam = {"guided_grad_cam": GuidedGradCAM()}
    yield from compared(setting, guided_grad_cam, "captum, GuidedGradCam", peer.captum_guided_grad_cam, goals(1.9))
    yield from compared(setting, {"saliency": Saliency()}, "captum, Saliency", peer.captum_saliency, goals(1.6))


def occlusion(setting: Setting) -> Iterator[Comparison]:
    def captum(network: PooledClassifier, images: Tensor) -> peer.Maps:
        return peer.captum_occlusion(network, images, PATCH)

    yield from compared(setting, {"occlusion": Occlusion(PATCH)}, "captum, Occlusion", captum, [(PLAIN, at_least(8))])


def relevance(setting: Setting) -> Iterator[Comparison]:
    goals: list[Wanted] = [(PLAIN, at_least(1.6)), (COPY, at_least(2.3))]
    yield from compared(setting, {"lrp": LRP()}, "captum, LRP", peer.captum_lrp, goals)
    yield from compared(setting, {"deep_taylor": DeepTaylor()}, "zennit, z+ and zB", peer.zennit_deep_taylor, goals)


def compared(
    setting: Setting, visualizers: Mapping[str, Visualizer], name: str, other: Peer, wanted: Sequence[Wanted]
) -> Iterator[Comparison]:
    """Return a comparison for each way; its note says by how much the maps differ from the plain ones."""
    maps_of = ways(setting, visualizers)
    exact = maps_of[PLAIN]()
    others = timed(other(peer.for_libraries(setting.cnn), setting.images.clone()))
    for way, goal in wanted:
        error = largest_error(maps_of[way](), exact)
        yield Comparison(
            what=f"{' and '.join(visualizers)}, {way}",
            against=f"{name}, class by class",
            ours=timed(maps_of[way]),
            others=others,
            goal=goal,
            note=f"error {error:.0e} of the largest value" if error else "",
        )


def ways(setting: Setting, visualizers: Mapping[str, Visualizer]) -> dict[str, Callable[[], list[Tensor]]]:
    """Return the ways to explain the batch by all of the visualizers: by the network as it is, and by its evaluation
    copies.
    """

    def explaining(network: Classifier, images: Tensor) -> Callable[[], list[Tensor]]:
        return lambda: [found.maps for found in explain_with(visualizers, network, images).values()]

    channels_last = setting.images.contiguous(memory_format=torch.channels_last)
    return {
        PLAIN: explaining(setting.cnn, setting.images),
        COPY: explaining(setting.copy, channels_last),
        HALF: explaining(setting.half, channels_last.bfloat16()),
    }


def largest_error(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """Return the largest error relative to the largest value of the exact maps."""
    return max(
        float((one.double() - other.double()).abs().max() / other.abs().max())
        for one, other in zip(found, exact, strict=True)
    )
