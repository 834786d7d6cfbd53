"""A report's sections, in their order. A new one is a file here and a line in `SECTIONS`."""

from functools import partial

from gcm.report.section.base import Section, SectionMaker, missing_lines
from gcm.report.section.class_maps import centred, figure_7, figure_8
from gcm.report.section.conservation import conservation
from gcm.report.section.decline_ratio import decline_ratio_on
from gcm.report.section.faithfulness import faithfulness_on
from gcm.report.section.fewest_filters import fewest_filters
from gcm.report.section.filter_contribution import filter_contribution
from gcm.report.section.important_regions import important_regions
from gcm.report.section.noise_masks import noise_masks
from gcm.report.section.paper_claims import paper_claims
from gcm.report.section.paper_comparison import paper_comparison
from gcm.report.section.true_class_maps import true_class_maps
from gcm.report.section.visualizer_comparison import figure_10

SECTIONS: tuple[SectionMaker, ...] = (
    paper_comparison,
    partial(decline_ratio_on, "cifar10", ("gcm", "gcm_clipped", "cnn")),
    partial(decline_ratio_on, "svhn", ("gcm",)),
    partial(decline_ratio_on, "mnist", ("gcm", "cnn")),
    partial(decline_ratio_on, "digits", ("gcm", "cnn")),
    partial(true_class_maps, 6, "gcm_svhn"),
    figure_7,
    figure_8,
    partial(true_class_maps, 9, "gcm_cifar10"),
    figure_10,
    centred,
    filter_contribution,
    important_regions,
    fewest_filters,
    noise_masks,
    partial(faithfulness_on, "planted"),
    partial(faithfulness_on, "mnist"),
    partial(faithfulness_on, "cifar10"),
    partial(faithfulness_on, "noise_masks"),
    conservation,
    paper_claims,
)

__all__ = ["SECTIONS", "Section", "SectionMaker", "missing_lines"]
