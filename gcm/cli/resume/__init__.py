"""Trainings and studies that were stopped are resumed."""
