"""Recordings and images: files that a model reads in place of text."""
