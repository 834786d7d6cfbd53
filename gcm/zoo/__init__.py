"""Trained networks."""

from gcm.zoo.saved import SavedNetwork, read_saved

__all__ = ["SavedNetwork", "read_saved"]
