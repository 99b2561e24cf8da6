"""Export a live model to a package for Argos Translate and programs built on it.

Argos uses one SentencePiece model both to split the source into pieces and to join CTranslate2's output. It
has no support for frames around sentences, suppressed pieces or a model's maximum length. The exported files
encode these, so that Argos translates as our engines do:

- The SentencePiece model is the source's. It joins pieces that it does not know verbatim, so that target
  pieces come out right; we check this for all of them. A language code that begins every translation is
  added as a control piece, which is not decoded to text.
- CTranslate2 adds the end of sentence and a code before the text (``add_source_eos``, ``add_source_bos``);
  a code that begins every translation is Argos' ``target_prefix``.
- Pieces that no translation may contain get a large negative bias in the output layer.
- Positions are extended to Argos' own limits by repeating the last one.
- :mod:`crosslate.export.sentence_model` splits sentences without network access.

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
# The first version whose sentence boundary detection reads a file from the package.
ARGOS_VERSION = "1.10.0"
_CARD = Path(__file__).with_suffix(".md")
# Argos' limit on input and output tokens of a sentence.
_MAX_TOKENS = 1024
# Below any score of a model, and representable in half precision.
_NEVER = -1e4
_CONTROL = 3  # SentencePiece piece type
_PIECES_PER_CHECK = 16


class Argos(Exporter):
    """A package file for Argos Translate and LibreTranslate."""

    precisions = get_args(Quantization)

    def check(self, out: Path, precision: str) -> None:
        """See :meth:`Exporter.check`."""
        if out.suffix != SUFFIX:
            raise UsageError(f"{out} does not end in {SUFFIX}, which Argos Translate expects of packages")
        super().check(out, precision)

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`.

        Raises:
            EngineError: Argos or CTranslate2 cannot express the model; lists every reason. Nothing is
                written.
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
        translation_model: a parent or a child; not modified.
        languages: codes of source and target, which are converted by :func:`argos_code`.
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
    """The Argos code of a language: lower case, with ``zh``, ``zt`` and ``pb`` for three variants."""
    public = public_code(code)
    old = next((old for old, modern in MODERN_CODES.items() if modern == public), public)
    return old.lower()


def package_name(languages: tuple[str, str]) -> str:
    """Name of a package's folder, such as ``translate-de_en-1_0``."""
    codes = "_".join(map(argos_code, languages))
    return f"translate-{codes}-{PACKAGE_VERSION.replace('.', '_')}"


def package_metadata(languages: tuple[str, str], target_prefix: str = "") -> dict[str, str]:
    """Contents of ``metadata.json``.

    Args:
        target_prefix: piece that every translation begins with; empty for none.
    """
    described = {"package_version": PACKAGE_VERSION, "argos_version": ARGOS_VERSION, "type": "translate"}
    for end, code in zip(("from", "to"), languages):
        described |= {f"{end}_code": argos_code(code), f"{end}_name": public_name(public_code(code))}
    return described | ({"target_prefix": target_prefix} if target_prefix else {})


def with_control_piece(model: bytes, piece: str) -> bytes:
    """A SentencePiece model with an added control piece; returned unchanged if it has the piece already."""
    if piece in SentencePieceSegmenter(model).pieces:
        return model
    # Protocol buffer fields may be in any order, and repeated fields can be appended.
    return model + field(1, message((1, piece), (2, 0.0), (3, _CONTROL)))


def joined_by_argos(segmenter: SentencePieceSegmenter, pieces: Sequence[str]) -> str:
    """Joins pieces as Argos does, which replaces ``_`` by a space."""
    text = str(segmenter.processor.DecodePieces(list(pieces)))
    return text.replace(WORD_START, " ").replace("_", " ").removeprefix(" ")


def _check(source: Vocabulary, target: Vocabulary) -> None:
    """Checks that Argos can express the vocabularies."""
    faults = Faults("cannot export this model as an Argos package (export it to CTranslate2 instead)")
    frame, special = source.frame, source.special
    if source.segmenter.kind != "sentencepiece":
        faults.add(
            f"the source uses a {source.segmenter.kind!r} tokenizer, expected 'sentencepiece', as in packs "
            "with a new source language"
        )
    if frame.text:
        faults.add(f"source texts need the prefix {frame.text!r}, which Argos cannot add")
    if frame.after != (special.eos,) or len(frame.before) > 1:
        before, after = ([source.pieces[index] for index in ids] for ids in (frame.before, frame.after))
        faults.add(
            f"source sentences have the pieces {before} before and {after} after them, expected at most one "
            "before and the end of sentence after"
        )
    for name, one, other in (
        ("end of sentence", source.pieces[special.eos], target.pieces[target.special.eos]),
        ("unknown piece", source.pieces[special.unk], target.pieces[target.special.unk]),
    ):
        if one != other:
            faults.add(f"the {name} is {one!r} in the source but {other!r} in the target, expected the same")
    faults.raise_as(EngineError)


def _check_joining(segmenter: SentencePieceSegmenter, target: Vocabulary) -> None:
    """Checks that Argos joins all target pieces as the target vocabulary does."""
    hidden = target.silent | {target.special.unk}
    pieces = [piece for index, piece in enumerate(target.pieces) if index not in hidden]
    for start in range(0, len(pieces), _PIECES_PER_CHECK):
        some = pieces[start : start + _PIECES_PER_CHECK]
        wanted = target.decode_pieces(some).replace("_", " ").strip()
        found = joined_by_argos(segmenter, some).strip()
        if found != wanted:
            raise EngineError(
                "cannot export this model as an Argos package: Argos joins pieces with the source's "
                f"SentencePiece model, which joins the target pieces {some} to {found!r}, expected "
                f"{wanted!r}; export it to CTranslate2 instead"
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
    """Repeats the last position, so that Argos does not fail on longer sentences."""
    import numpy

    positions = getattr(stack, "position_encodings", None)
    if positions is None or isinstance(positions, str) or isinstance(positions.encodings, str):
        return  # positions are relative or computed
    table = positions.encodings.numpy()
    if len(table) < _MAX_TOKENS:
        positions.encodings = numpy.pad(table, ((0, _MAX_TOKENS - len(table)), (0, 0)), mode="edge")
