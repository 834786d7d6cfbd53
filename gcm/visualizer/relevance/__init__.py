"""Relevance is handed from layer to layer: rules, and the backward pass that follows them."""

from gcm.visualizer.relevance.base import LayerResidual, Relevance
from gcm.visualizer.relevance.composite import Composite
from gcm.visualizer.relevance.rule import AlphaBeta, Bounded, Epsilon, Gamma, Rule, ZPlus

__all__ = [
    "AlphaBeta",
    "Bounded",
    "Composite",
    "Epsilon",
    "Gamma",
    "LayerResidual",
    "Relevance",
    "Rule",
    "ZPlus",
]
