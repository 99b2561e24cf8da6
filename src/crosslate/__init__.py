"""Crosslate: teach a pretrained translation model a new language.

The names below load lazily, so that ``import crosslate`` needs neither PyTorch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crosslate.adaptation.adapt import adapt
    from crosslate.adaptation.parents import train_parent
    from crosslate.adaptation.settings import (
        DataSettings,
        NewLanguages,
        OutputSettings,
        PackOutput,
        TermSettings,
    )
    from crosslate.engines.decoding import DecodingOptions
    from crosslate.errors import CrosslateError
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.signals.corpora import SignalCorpus, read_signals
    from crosslate.text.corpora import ParallelCorpus, read_corpus
    from crosslate.text.earlier import EarlierText
    from crosslate.text.glossaries import Glossary
    from crosslate.text.phrasebook import Phrasebook
    from crosslate.text.synthetic import SyntheticText
    from crosslate.text.vocabularies import Vocabulary
    from crosslate.training.settings import TrainingSettings
    from crosslate.translation.translator import Translator

_MODULES = {
    "CrosslateError": "crosslate.errors",
    "DataSettings": "crosslate.adaptation.settings",
    "DecodingOptions": "crosslate.engines.decoding",
    "EarlierText": "crosslate.text.earlier",
    "Glossary": "crosslate.text.glossaries",
    "NewLanguages": "crosslate.adaptation.settings",
    "OutputSettings": "crosslate.adaptation.settings",
    "Pack": "crosslate.packs.pack",
    "PackOutput": "crosslate.adaptation.settings",
    "ParallelCorpus": "crosslate.text.corpora",
    "Parent": "crosslate.models.parent",
    "Phrasebook": "crosslate.text.phrasebook",
    "SignalCorpus": "crosslate.signals.corpora",
    "SyntheticText": "crosslate.text.synthetic",
    "TermSettings": "crosslate.adaptation.settings",
    "TrainingSettings": "crosslate.training.settings",
    "Translator": "crosslate.translation.translator",
    "Vocabulary": "crosslate.text.vocabularies",
    "adapt": "crosslate.adaptation.adapt",
    "read_corpus": "crosslate.text.corpora",
    "read_signals": "crosslate.signals.corpora",
    "train_parent": "crosslate.adaptation.parents",
}

__all__ = [
    "CrosslateError",
    "DataSettings",
    "DecodingOptions",
    "EarlierText",
    "Glossary",
    "NewLanguages",
    "OutputSettings",
    "Pack",
    "PackOutput",
    "ParallelCorpus",
    "Parent",
    "Phrasebook",
    "SignalCorpus",
    "SyntheticText",
    "TermSettings",
    "TrainingSettings",
    "Translator",
    "Vocabulary",
    "adapt",
    "read_corpus",
    "read_signals",
    "train_parent",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'crosslate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
