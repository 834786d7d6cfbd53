"""The methods beside each other, for the true class (GCM paper, figure 10)."""

from torch import Tensor

from gcm.draw import Panel, draw_grid, scale_of
from gcm.rendering import Blend, Product
from gcm.report.evidence import NONE_RIGHT, Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.selection import first_right_of_each_class
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, GuidedBackprop, GuidedGradCAM, explain_with

GCM_NETWORK, CNN_NETWORK = "gcm_cifar10", "cnn_cifar10"
COLUMNS = (
    "image", "guided backprop", "guided Grad-CAM", "CAM", "CAM, drawn", "Grad-CAM", "Grad-CAM, drawn", "CWM",
    "CCM, positive part",
)  # fmt: skip


def figure_10(evidence: Evidence) -> Section:
    title = "Figure 10: the methods beside each other"
    lack = evidence.lacks(GCM_NETWORK, CNN_NETWORK)
    if lack:
        return missing_section(title, lack)
    classes = evidence.card(GCM_NETWORK).spec.classes
    both = evidence.right(GCM_NETWORK) & evidence.right(CNN_NETWORK)
    if not both.any():
        return missing_section(title, Lack(f"{GCM_NETWORK}, {CNN_NETWORK}", NONE_RIGHT))
    indices = first_right_of_each_class(both, evidence.test_split(GCM_NETWORK).labels, len(classes))
    pixels, labels = evidence.pixels(GCM_NETWORK, indices)
    path = evidence.directory / "figure_10.png"
    caption = (
        f"The true class by every method: post-hoc maps on {CNN_NETWORK}, CWM and CCM on {GCM_NETWORK}; of each class "
        f"the first test image that both classify correctly, {indices.tolist()}. Guided maps around middle grey; "
        "Grad-CAM rectified; drawn: enlarged, jet colours, laid over the image"
    )
    draw_grid(panels(evidence, pixels, labels), [classes[label] for label in labels], COLUMNS, caption, path)
    return Section(title, figure(path, caption))


def panels(evidence: Evidence, pixels: Tensor, labels: Tensor) -> list[list[Panel]]:
    """Return for each image the panels of a row, in the order of `COLUMNS`."""
    post_hoc = {
        "backprop": GuidedBackprop(), "guided_cam": GuidedGradCAM(), "cam": CAM(), "grad_cam": GradCAM(relu=True),
    }  # fmt: skip
    explanations = explain_with(post_hoc, evidence.network(CNN_NETWORK), pixels)
    own = ClassWeightMaps()(evidence.network(GCM_NETWORK), pixels)
    maps = {name: explanation.maps for name, explanation in {**explanations, "own": own}.items()}
    drawn = {name: Blend()(maps[name], pixels) for name in ("cam", "grad_cam")}
    contribution = Product()(maps["own"], pixels).clamp_min(0)
    rows = []
    for row, label in enumerate(labels.tolist()):
        positive = contribution[row, label].cpu()
        signed = {name: Panel(values[row, label].cpu(), signed=True) for name, values in maps.items()}
        blended = {name: Panel(values[row, label].cpu()) for name, values in drawn.items()}
        rows.append(
            [
                Panel(pixels[row].cpu()),
                signed["backprop"],
                signed["guided_cam"],
                signed["cam"],
                blended["cam"],
                signed["grad_cam"],
                blended["grad_cam"],
                signed["own"],
                Panel(positive / scale_of(positive)),
            ]
        )
    return rows


SECTIONS = {34: figure_10}
