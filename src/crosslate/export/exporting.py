"""Packs and their parent written for other programs: CTranslate2 alone, and Argos Translate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from crosslate.engines.conversion import Quantization, export_ctranslate2
from crosslate.export.argos import export_argos
from crosslate.export.export_cards import argos_card, ctranslate2_card
from crosslate.packs.stored import StoredModel

if TYPE_CHECKING:
    from crosslate.models.child import Child

Format = Literal["ctranslate2", "argos"]


def export(stored: StoredModel, out: Path, to: Format, quantization: Quantization = "float32") -> int:
    """Writes what packs make of their parent for a program that knows neither.

    Args:
        stored: at least one pack.
        out: what to write, a folder for CTranslate2 and a file for Argos; must not exist.
        to: the program.
        quantization: the type weights are stored in.

    Returns:
        How many bytes were written.

    Raises:
        EngineError: the program has no place for something that the model needs.
        InputError: ``out`` exists.
        PackError: a pack does not fit the parent, or the packs do not compose.
        UsageError: unknown quantization, or a name that the program would not take.
    """
    child = cast("Child", stored.load())
    if to == "argos":
        languages = child.source_language, child.target_language
        export_argos(child, out, languages, quantization, readme=argos_card(child, stored.manifests))
        return out.stat().st_size
    readme = ctranslate2_card(child, stored.manifests, quantization)
    export_ctranslate2(child, out, quantization, readme=readme)
    return sum(path.stat().st_size for path in out.iterdir())
