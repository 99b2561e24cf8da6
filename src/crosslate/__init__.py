"""Crosslate: teach a pretrained translation model a new language.

The names below load lazily, so that ``import crosslate`` needs neither PyTorch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crosslate.corpora.parallel import ParallelCorpus
    from crosslate.corpora.phrasebook import Phrasebook
    from crosslate.corpora.readers import read_corpus
    from crosslate.corpora.vocabularies import Vocabulary
    from crosslate.engines.decoding import DecodingOptions
    from crosslate.errors import CrosslateError
    from crosslate.jobs.adapt import adapt
    from crosslate.jobs.parents import train_parent
    from crosslate.jobs.translator import Translator
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.training.settings import TrainingSettings

_MODULES = {
    "CrosslateError": "crosslate.errors",
    "DecodingOptions": "crosslate.engines.decoding",
    "Pack": "crosslate.packs.pack",
    "ParallelCorpus": "crosslate.corpora.parallel",
    "Parent": "crosslate.models.parent",
    "Phrasebook": "crosslate.corpora.phrasebook",
    "TrainingSettings": "crosslate.training.settings",
    "Translator": "crosslate.jobs.translator",
    "Vocabulary": "crosslate.corpora.vocabularies",
    "adapt": "crosslate.jobs.adapt",
    "read_corpus": "crosslate.corpora.readers",
    "train_parent": "crosslate.jobs.parents",
}

__all__ = [
    "CrosslateError",
    "DecodingOptions",
    "Pack",
    "ParallelCorpus",
    "Parent",
    "Phrasebook",
    "TrainingSettings",
    "Translator",
    "Vocabulary",
    "adapt",
    "read_corpus",
    "train_parent",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'crosslate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
