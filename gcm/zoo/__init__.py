"""Trained networks: those that come with the package, and those in run directories."""

from gcm.zoo.card import Card, Test
from gcm.zoo.catalogue import cards, list_models
from gcm.zoo.saved import SavedNetwork, load, read_saved

__all__ = ["Card", "SavedNetwork", "Test", "cards", "list_models", "load", "read_saved"]
