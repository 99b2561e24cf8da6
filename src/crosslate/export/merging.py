"""Packs and their parent merged into a plain checkpoint that transformers alone translates with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.errors import CrosslateError, PackError, ParentError
from crosslate.export.merge_check import check_merged
from crosslate.export.plain_card import plain_card
from crosslate.export.plain_model import PlainModel, Precision, torch_type
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.files import atomic_folder, write_text
from crosslate.models.child import Child
from crosslate.models.methods.rivals import added_kind
from crosslate.models.parent import Parent
from crosslate.models.parent_files import silenced
from crosslate.packs.compose import apply_packs

if TYPE_CHECKING:
    from crosslate.packs.pack import Pack


@dataclass(frozen=True)
class Merged:
    """A merged checkpoint that passed its check.

    Attributes:
        folder: where it is.
        source_language: code of the language that is read.
        target_language: code of the language that is written.
        num_bytes: of all files.
        num_sentences: how many sentences were translated by both and came out the same.
        logit_difference: largest difference of a logit to the child's, in the checkpoint's precision.
        tokenizers: which tokenizers it has.
    """

    folder: Path
    source_language: str
    target_language: str
    num_bytes: int
    num_sentences: int
    logit_difference: float
    tokenizers: PlainTokenizers


def merge(
    parent: Parent, packs: Sequence[Pack], out: str | Path, *, precision: Precision = "float32"
) -> Merged:
    """Writes what a parent and its packs make as a plain Hugging Face checkpoint.

    ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer`` load it where Crosslate is not installed, and it
    translates as the child does with the default decoding options. ``README.md`` beside it holds the program.
    Before it gets its name it is loaded again and compared with the child: no tensor missing, unexpected or
    of another shape, the same ids of texts, texts of ids, logits and greedy translations.

    Args:
        packs: one, or a source pack and a target pack.
        out: folder to write; must not exist.
        precision: of the tensors in the files: ``float32``, ``float16`` or ``bfloat16``.

    Raises:
        PackError: the packs do not fit, or no plain checkpoint does what they do; nothing is written.
        ParentError: the parent is held in lower precision.
        InputError: ``out`` exists.
        UsageError: unknown precision.
    """
    torch_type(precision)
    if parent.lowering:
        raise ParentError(f"{parent.name} is held in lower precision, so nothing is merged; load it again")
    out = Path(out)
    child = apply_packs(parent, packs)
    if added := added_kind(child.model):
        raise PackError(
            f"the child has {added}, which no plain checkpoint has; translate with the packs themselves, or "
            "train lora, ia3 or bitfit in their place, which become plain tensors"
        )
    tokenizers = PlainTokenizers.of(child)
    model = PlainModel(child, tokenizers.source, tokenizers.target)
    manifests = [pack.manifest for pack in packs]
    with atomic_folder(out) as folder, silenced():
        try:
            model.write(folder, precision)
            tokenizers.write(child, folder)
            generation_configuration(child, model, tokenizers).save_pretrained(folder)
        except CrosslateError:
            raise
        except (ValueError, KeyError, AttributeError) as error:
            raise PackError(
                f"this model of type {child.model.config.model_type!r} cannot be written as a plain "
                f"checkpoint ({type(error).__name__}: {error}); translate with the packs themselves, or "
                "export them to CTranslate2"
            ) from error
        write_text(folder / "README.md", plain_card(child, manifests, tokenizers, precision))
        found = check_merged(folder, child, model, tokenizers, precision)
    num_bytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Merged(
        out, child.source_language, child.target_language, num_bytes, found.num_sentences,
        found.logit_difference, tokenizers,
    )  # fmt: skip


def generation_configuration(child: Child, model: PlainModel, tokenizers: PlainTokenizers) -> Any:
    """Decoding as Crosslate's by default, in the checkpoint's ids.

    The limit of an output's length, which Crosslate takes from its source, is one number here.
    """
    from transformers import GenerationConfig

    facts, options = Generation.of(child), DecodingOptions()
    side = tokenizers.target
    suppressed = {side.new_id(index) for index in facts.never_generated(child.target, allow_unknown=False)}
    if not model.masks_padding:
        suppressed |= set(range(model.num_own_rows["target"], model.num_rows["target"]))
    forced = facts.forced_first
    return GenerationConfig(
        decoder_start_token_id=side.new_id(facts.start),
        forced_bos_token_id=None if forced is None else side.new_id(forced),
        eos_token_id=side.vocabulary.special.eos,
        pad_token_id=side.vocabulary.special.pad,
        suppress_tokens=sorted(suppressed),
        renormalize_logits=True,
        num_beams=options.beam_size,
        early_stopping=True,
        length_penalty=options.length_penalty,
        max_new_tokens=min(options.max_new_tokens, facts.max_target_tokens),
    )
