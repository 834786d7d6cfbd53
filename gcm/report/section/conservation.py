"""Conservation tells whether relevance is conserved from layer to layer."""

from typing import Any

import torch

from gcm.atomic_write import markdown_table, write_csv
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, missing_section
from gcm.visualizer import LRP, DeepTaylor

NETWORKS = ("gcm_cifar10", "cnn_cifar10", "gcm_mnist", "cnn_mnist", "lenet_mnist", "cnn3_mnist", "gcm_planted",
            "cnn_planted", "gcm_digits", "cnn_digits")  # fmt: skip
IMAGES = 10
METHODS = {"deep Taylor": DeepTaylor(), "LRP": LRP()}


def conservation(evidence: Evidence) -> Section:
    """Return the section with the residual of every layer, of all classes of the first test images."""
    title = "Relevance, from layer to layer"
    lacks = [lack for name in NETWORKS if (lack := evidence.lacks(name))]
    present = [name for name in NETWORKS if not evidence.lacks(name)]
    if not present:
        return missing_section(title, *lacks)
    rows: list[dict[str, Any]] = []
    table = []
    for name in present:
        images, _ = evidence.pixels(name, torch.arange(IMAGES))
        row = {"network": name}
        for method, visualizer in METHODS.items():
            layers = visualizer.conservation(evidence.network(name), images)
            rows += [{"network": name, "method": method, **layer._asdict()} for layer in layers]
            worst = max(layers, key=lambda layer: layer.residual)
            row[f"{method}: largest residual"] = f"{worst.residual:.1e}"
            row[f"{method}: layer"] = f"{worst.layer} ({worst.rule})"
        table.append(row)
    write_csv(evidence.directory / "conservation.csv", rows)
    body = (
        "Mean |handed on - received| of each layer, relative to the mean |received|, over all classes of the first "
        f"{IMAGES} test images; the layer with the largest. Without biases it is rounding alone. The rules z+ and "
        "bounded hand on everything but where an output has no cause but its bias; under epsilon and gamma biases "
        f"(the shift of batch normalisation is one) keep their part. All layers: conservation.csv."
        f"\n\n{markdown_table(table)}"
    )
    return Section(title, body)


SECTIONS = {70: conservation}
