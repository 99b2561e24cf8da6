"""Crosslate: teach a pretrained translation model a new language."""
