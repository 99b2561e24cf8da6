"""Export packs with their parent to a CTranslate2 folder, usable with or without Crosslate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from crosslate.engines.conversion import Quantization, export_ctranslate2
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.export.exporter import Exporter
from crosslate.packs.cards import exported_card
from crosslate.packs.manifest import Manifest
from crosslate.text.segmenters import SEGMENTERS
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    from crosslate.models.child import Child

_CARD = Path(__file__).with_suffix(".md")
_HOW = "## How to translate\n\n"
_NO_PROGRAM = (
    "The tokenizer of one side exists only as Python code in transformers, so you need transformers or "
    "Crosslate: `from crosslate.engines.ctranslate2 import CTranslate2Engine`.\n"
)
_LIBRARIES = {
    "sentencepiece": (
        'sentencepiece.SentencePieceProcessor(model_file=f"{{folder}}/{side}.spm")',
        "source.encode({text}, out_type=str)",
        "target.decode({pieces})",
    ),
    "tokenizers": (
        'tokenizers.Tokenizer.from_file(f"{{folder}}/{side}.tokenizer.json")',
        "source.encode({text}, add_special_tokens=False).tokens",
        "target.decoder.decode({pieces})",
    ),
}
"""Code to open a vocabulary, split text and join pieces, by kind of segmenter, which is a package's name."""


class CTranslate2(Exporter):
    """The folder that our CTranslate2 engine uses, with a README on using it without Crosslate."""

    precisions = get_args(Quantization)

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`."""
        card = ctranslate2_card(child, manifests, precision)
        export_ctranslate2(child, out, cast("Quantization", precision), readme=card)
        return ""


def ctranslate2_card(child: Child, manifests: Sequence[Manifest], precision: str) -> str:
    """The README: how to translate with the folder without Crosslate."""
    generation, source, target = Generation.of(child), child.source, child.target
    options, forced = DecodingOptions(), generation.forced_first
    first = [] if forced is None else [target.pieces[forced]]
    before, after = (
        [source.pieces[index] for index in ids] for ids in (source.frame.before, source.frame.after)
    )
    kinds = source.segmenter.kind, target.segmenter.kind
    # If a segmenter has no library, the program is replaced by a note below.
    opened, joined = (_LIBRARIES.get(kind, ("", "", "")) for kind in kinds)
    text = f"{source.frame.text!r} + text" if source.frame.text else "text"
    pieces = [*map(repr, before), "*" + opened[1].format(text=text), *map(repr, after)]
    libraries = {"ctranslate2", *kinds}
    card = exported_card(
        _CARD, (child.source_language, child.target_language), child.parent.name, manifests, "ctranslate2",
        precision=precision,
        source_segmenter=_cut_by("source", source),
        target_segmenter=_cut_by("target", target),
        before=_shown(before), after=_shown(after), first=_shown(first),
        max_tokens=generation.max_source_tokens,
        imports="\n".join(f"import {library}" for library in sorted(libraries)),
        open_source=opened[0].format(side="source"),
        open_target=joined[0].format(side="target"),
        pieces=", ".join(pieces),
        target_prefix="".join(
            f"    target_prefix=[[{piece!r}]] * len(texts),\n    min_decoding_length=2,\n" for piece in first
        ),
        beam_size=options.beam_size,
        length_penalty=f"{options.length_penalty:g}",
        max_new_tokens=min(options.max_new_tokens, generation.max_target_tokens),
        join=joined[2].format(pieces="result.hypotheses[0]" + ("[1:]" if first else "")),
        packages=" ".join(dict.fromkeys(["ctranslate2", *kinds])),
    )  # fmt: skip
    if not _LIBRARIES.keys() >= set(kinds):
        card = card.partition(_HOW)[0] + _HOW + _NO_PROGRAM
    return card


def _cut_by(side: str, vocabulary: Vocabulary) -> str:
    kind = vocabulary.segmenter.kind
    names = {"sentencepiece": "a SentencePiece model", "tokenizers": "a tokenizer of the tokenizers library"}
    if kind not in names:
        return "a tokenizer that exists only as Python code in transformers"
    text = f"`{side}{SEGMENTERS[kind][0]}`, {names[kind]}"
    return f"{text}, after `{vocabulary.frame.text.strip()}`" if vocabulary.frame.text else text


def _shown(pieces: Sequence[str]) -> str:
    return " ".join(f"`{piece}`" for piece in pieces) or "nothing"
