"""Finds the group of every parameter and buffer of a model by observing its behaviour."""
