"""Packs and their parents written for other programs."""
