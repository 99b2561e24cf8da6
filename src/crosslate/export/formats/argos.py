"""From a live model to a package that Argos Translate, and what is built on it, installs from a file.

Argos has one SentencePiece model for both directions of text: it cuts the source into pieces, and joins what
CTranslate2 answers. It knows no frame around a sentence, no piece that must not come out, and no limit of a
model. All of that is put into the files here, so that Argos does by itself what our engines do:

- the SentencePiece model is the source's. Joining writes pieces that it lacks as they are, so the target's
  come out right; that is checked for all of them. A language's code that begins every translation is added
  to it as a control piece, which is no text.
- the end of sentence and a code before the text are added by CTranslate2 (``add_source_eos``,
  ``add_source_bos``); a code that begins every translation is Argos' ``target_prefix``.
- pieces that no translation may hold have a bias in the output layer that no score makes up for.
- positions reach as far as Argos' own limits, with the last one repeated.
- :mod:`crosslate.export.sentence_model` finds the ends of sentences without a network.

Source: ``package.py``, ``translate.py`` and ``tokenizer.py`` of argostranslate 1.9 to 1.12.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from crosslate.engines.conversion import Quantization, write_model
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.errors import EngineError, Faults, UsageError
from crosslate.export.exporter import Exporter
from crosslate.export.sentence_model import sentence_model
from crosslate.files import atomic_file
from crosslate.languages.codes import MODERN_CODES, public_code, public_name
from crosslate.packs.cards import exported_card
from crosslate.packs.manifest import Manifest
from crosslate.text.protobuf import field, message
from crosslate.text.segmenters import WORD_START, SentencePieceSegmenter
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    from crosslate.models.child import Child

SUFFIX = ".argosmodel"
PACKAGE_VERSION = "1.0"
# The first whose sentence boundary detection takes a file from the package.
ARGOS_VERSION = "1.10.0"
_CARD = Path(__file__).with_suffix(".md")
# What Argos lets CTranslate2 read and write, in tokens of a sentence.
_MAX_TOKENS = 1024
# Below any score that a model gives, within what half precision can hold.
_NEVER = -1e4
_CONTROL = 3  # of SentencePiece's types of pieces
_PIECES_PER_CHECK = 16


class Argos(Exporter):
    """A package that Argos Translate, and LibreTranslate with it, installs from a file."""

    precisions = get_args(Quantization)

    def check(self, out: Path, precision: str) -> None:
        """See :meth:`Exporter.check`."""
        if out.suffix != SUFFIX:
            raise UsageError(f"{out} does not end in {SUFFIX}, by which Argos Translate knows its packages")
        super().check(out, precision)

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`.

        Raises:
            EngineError: Argos has no place for something that the model needs, or CTranslate2 has no
                counterpart of it; lists what, and nothing is written.
        """
        languages = child.source_language, child.target_language
        source, target = map(argos_code, languages)
        readme = exported_card(
            _CARD, languages, child.parent.name, manifests, "argostranslate",
            file=package_name(languages) + SUFFIX, source=source, target=target,
        )  # fmt: skip
        export_argos(child, out, languages, precision, readme=readme)
        return ""


def export_argos(
    translation_model: TranslationModel,
    file: Path,
    languages: tuple[str, str],
    precision: str = "float32",
    *,
    readme: str = "",
) -> None:
    """Writes ``file``, an Argos package, atomically.

    Args:
        translation_model: a parent or a child; not touched.
        languages: codes of source and target; see :func:`argos_code` for how Argos writes them.
        readme: Markdown for ``README.md``, which Argos shows as the package's description.
    """
    source, target = translation_model.source, translation_model.target
    _check(source, target)
    forced = Generation.of(translation_model).forced_first
    prefix = "" if forced is None else target.pieces[forced]
    segmenter = with_control_piece(source.model, prefix) if prefix else source.model
    _check_joining(SentencePieceSegmenter(segmenter), target)
    name = package_name(languages)
    with atomic_file(file) as archive, tempfile.TemporaryDirectory(dir=file.parent, prefix=".argos-") as made:
        model = Path(made)
        write_model(
            translation_model,
            model,
            cast("Quantization", precision),
            adjust=lambda spec, generation: _adjust(spec, generation, source, target),
        )
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
            metadata = package_metadata(languages, prefix)
            package.writestr(
                f"{name}/metadata.json", json.dumps(metadata, ensure_ascii=True, indent=2) + "\n"
            )
            package.writestr(f"{name}/README.md", readme)
            package.writestr(f"{name}/sentencepiece.model", segmenter)
            package.writestr(f"{name}/minisbd/sentences.onnx", sentence_model())
            for path in sorted(model.iterdir()):
                package.write(path, f"{name}/model/{path.name}")


def argos_code(code: str) -> str:
    """A language's code as Argos writes it: lower case, and ``zh``, ``zt``, ``pb`` for three variants."""
    public = public_code(code)
    old = next((old for old, modern in MODERN_CODES.items() if modern == public), public)
    return old.lower()


def package_name(languages: tuple[str, str]) -> str:
    """The name of a package's folder: ``translate-de_en-1_0``."""
    codes = "_".join(map(argos_code, languages))
    return f"translate-{codes}-{PACKAGE_VERSION.replace('.', '_')}"


def package_metadata(languages: tuple[str, str], target_prefix: str = "") -> dict[str, str]:
    """What ``metadata.json`` holds.

    Args:
        target_prefix: piece that every translation begins with; empty for none.
    """
    described = {"package_version": PACKAGE_VERSION, "argos_version": ARGOS_VERSION, "type": "translate"}
    for end, code in zip(("from", "to"), languages):
        described |= {f"{end}_code": argos_code(code), f"{end}_name": public_name(public_code(code))}
    return described | ({"target_prefix": target_prefix} if target_prefix else {})


def with_control_piece(model: bytes, piece: str) -> bytes:
    """A SentencePiece model with one more piece, which is cut out of no text and joined to none.

    Itself where it has the piece.
    """
    if piece in SentencePieceSegmenter(model).pieces:
        return model
    # Fields of a protocol buffer may come in any order, and repeated ones add up.
    return model + field(1, message((1, piece), (2, 0.0), (3, _CONTROL)))


def joined_by_argos(segmenter: SentencePieceSegmenter, pieces: Sequence[str]) -> str:
    """The text that Argos makes of a translation's pieces; it writes ``_`` as a space."""
    text = str(segmenter.processor.DecodePieces(list(pieces)))
    return text.replace(WORD_START, " ").replace("_", " ").removeprefix(" ")


def _check(source: Vocabulary, target: Vocabulary) -> None:
    """Refuses what Argos cannot be made to do."""
    faults = Faults("this model cannot be an Argos package (export it to CTranslate2 instead)")
    frame, special = source.frame, source.special
    if source.segmenter.kind != "sentencepiece":
        faults.add(
            f"its source is cut by a model of kind {source.segmenter.kind!r}, expected 'sentencepiece', "
            "which a pack with a new source language brings"
        )
    if frame.text:
        faults.add(f"every source text begins with {frame.text!r}, and Argos puts nothing before a text")
    if frame.after != (special.eos,) or len(frame.before) > 1:
        before, after = ([source.pieces[index] for index in ids] for ids in (frame.before, frame.after))
        faults.add(
            f"a source sentence stands between {before} and {after}, expected at most one piece before "
            "it and the end of sentence after it"
        )
    for name, one, other in (
        ("end of sentence", source.pieces[special.eos], target.pieces[target.special.eos]),
        ("unknown piece", source.pieces[special.unk], target.pieces[target.special.unk]),
    ):
        if one != other:
            faults.add(f"the {name} is {one!r} in the source and {other!r} in the target, expected the same")
    faults.raise_as(EngineError)


def _check_joining(segmenter: SentencePieceSegmenter, target: Vocabulary) -> None:
    """Joins all of the target's pieces as Argos will, and compares with the target's own way."""
    hidden = target.silent | {target.special.unk}
    pieces = [piece for index, piece in enumerate(target.pieces) if index not in hidden]
    for start in range(0, len(pieces), _PIECES_PER_CHECK):
        some = pieces[start : start + _PIECES_PER_CHECK]
        wanted = target.decode_pieces(some).replace("_", " ").strip()
        found = joined_by_argos(segmenter, some).strip()
        if found != wanted:
            raise EngineError(
                "this model cannot be an Argos package: Argos joins pieces with the source's SentencePiece "
                f"model, which makes {found!r} of the target's pieces {some}, expected {wanted!r}; "
                "export it to CTranslate2 instead"
            )


def _adjust(spec: Any, generation: Generation, source: Vocabulary, target: Vocabulary) -> None:
    import numpy

    projection = spec.decoder.projection
    if projection.has_bias():
        bias = projection.bias.numpy().astype("float32")
    else:
        bias = numpy.zeros(generation.num_target_rows, dtype="float32")
    bias[generation.never_generated(target, allow_unknown=False)] = _NEVER
    projection.bias = bias
    spec.config.add_source_eos = True
    if source.frame.before:
        spec.config.add_source_bos = True
        spec.config.bos_token = source.pieces[source.frame.before[0]]
    for stack in (spec.encoder, spec.decoder):
        _extend_positions(stack)


def _extend_positions(stack: Any) -> None:
    """Repeats the last position: Argos would stop with an error at a sentence beyond it."""
    import numpy

    positions = getattr(stack, "position_encodings", None)
    if positions is None or isinstance(positions, str) or isinstance(positions.encodings, str):
        return  # positions are relative, or computed
    table = positions.encodings.numpy()
    if len(table) < _MAX_TOKENS:
        positions.encodings = numpy.pad(table, ((0, _MAX_TOKENS - len(table)), (0, 0)), mode="edge")
