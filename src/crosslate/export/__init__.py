"""Packs and parents written for other programs."""
