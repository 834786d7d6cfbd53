"""Measures of faithfulness: each shows images to an explanation method and lets a metric count what comes back."""

from gcm.measure.base import Measure, Shown
from gcm.measure.map_alone import MapCompleteness, MapSparseness
from gcm.measure.perturbation import DeletionCurve, InsertionCurve
from gcm.measure.pointing import GridPointing, PlantedPointing
from gcm.measure.randomization import Randomization
from gcm.measure.stability import Stability
from gcm.measure.subject import ClassMaps, NoiseMaskMap, Subject

__all__ = [
    "ClassMaps",
    "DeletionCurve",
    "GridPointing",
    "InsertionCurve",
    "MapCompleteness",
    "MapSparseness",
    "Measure",
    "NoiseMaskMap",
    "PlantedPointing",
    "Randomization",
    "Shown",
    "Stability",
    "Subject",
]
