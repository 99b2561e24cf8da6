"""The embedded corpus: a seeded grammar that speaks English, French, German and Spanish in parallel."""

from crosslate.text.phrasebook.book import Phrasebook

__all__ = ["Phrasebook"]
