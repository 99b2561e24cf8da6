"""Merge packs and their parent into a plain Hugging Face checkpoint that needs only transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.errors import CrosslateError, PackError, ParentError
from crosslate.export.exporter import Exporter
from crosslate.export.files_checkpoint import write_files_checkpoint
from crosslate.export.merge_check import check_merged
from crosslate.export.plain_model import PlainModel
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.files import atomic_folder, write_text
from crosslate.models.child import Child
from crosslate.models.marian_names import OUR_FAMILY
from crosslate.models.methods.registry import added_modules
from crosslate.models.parent_files import silenced
from crosslate.packs.cards import exported_card
from crosslate.packs.manifest import Manifest

_CARD = Path(__file__).with_suffix(".md")


class HuggingFace(Exporter):
    """A folder that ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer`` can load, or for speech or images theirs.

    It translates as the child does with default decoding options; ``README.md`` has a sample program. Before
    the folder gets its final name it is loaded and compared with the child: tensors, encoding and decoding of
    texts, logits and greedy translations must agree.
    """

    precisions = ("float32", "float16", "bfloat16")
    is_for_hub = True

    def write(
        self, child: Child, manifests: Sequence[Manifest], out: Path, precision: str = "float32"
    ) -> str:
        """See :meth:`Exporter.write`.

        Raises:
            PackError: a plain checkpoint cannot express the model; nothing is written.
            ParentError: the parent is held in lower precision.
        """
        parent = child.parent
        if parent.lowering:
            raise ParentError(
                f"cannot merge into {parent.name}, which is held in lower precision; load the parent again"
            )
        if child.model.config.model_type == OUR_FAMILY:
            raise PackError(
                f"{parent.name} was imported from Marian, and transformers has no model that computes the "
                "same; translate with the packs"
            )
        if added := added_modules(child.model):
            raise PackError(
                f"the child has {added}, which a plain checkpoint cannot hold; translate with the packs, or "
                "train lora, ia3 or bitfit instead, which are merged into plain tensors"
            )
        if not parent.reads_text:
            return write_files_checkpoint(child, manifests, out, precision)
        tokenizers = PlainTokenizers.of(child)
        model = PlainModel(child, tokenizers.source, tokenizers.target, getattr(torch, precision))
        with atomic_folder(out) as folder, silenced():
            try:
                model.write(folder)
                tokenizers.write(child, folder)
                generation_configuration(child, model, tokenizers).save_pretrained(folder)
            except CrosslateError:
                raise
            except (ValueError, KeyError, AttributeError) as error:
                raise PackError(
                    f"cannot write this model of type {child.model.config.model_type!r} as a plain "
                    f"checkpoint ({type(error).__name__}: {error}); translate with the packs, or export them "
                    "to CTranslate2"
                ) from error
            write_text(folder / "README.md", _card(child, manifests, tokenizers, precision))
            num_sentences, difference = check_merged(folder, child, model, tokenizers)
        logits = f"logits within {difference:.1g} of the largest" if difference else "identical logits"
        return (
            f"checked with transformers: no tensor missing, {logits}, identical tokens for "
            f"{num_sentences} sentences; see {out / 'README.md'} for how to translate"
        )


def generation_configuration(child: Child, model: PlainModel, tokenizers: PlainTokenizers) -> Any:
    """Crosslate's default decoding options, in the checkpoint's ids.

    The output length has one fixed limit here, while Crosslate derives it from the source.
    """
    facts, options = Generation.of(child), DecodingOptions()
    side = tokenizers.target
    suppressed = {side.new_id(index) for index in facts.never_generated(child.target, allow_unknown=False)}
    if not model.masks_padding:
        suppressed |= set(range(model.num_own_rows["target"], model.tensors.num_rows["target"]))
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
        min_new_tokens=facts.min_new_tokens,
    )


def _card(child: Child, manifests: Sequence[Manifest], tokenizers: PlainTokenizers, precision: str) -> str:
    prefix, writer, opened = tokenizers.prefix, "tokenizer", ""
    about = "One tokenizer encodes and decodes."
    if not tokenizers.is_single:
        writer = "target_tokenizer"
        opened = f"{writer} = {_opened(tokenizers.target_folder)}\n"
        reader = f"in `{tokenizers.source_folder}/`" if tokenizers.source_folder else "in this folder"
        about = (
            "No single tokenizer handles both languages, so there are two: the one "
            f"{reader} encodes the source, the one in `{tokenizers.target_folder}/` decodes translations."
        )
    if prefix:
        about += f" Every text must begin with `{prefix.strip()}`, as in the parent's training."
    return exported_card(
        _CARD, (child.source_language, child.target_language), child.parent.name, manifests, "transformers",
        precision=precision,
        tokenizers=about,
        reader=_opened(tokenizers.source_folder),
        writer=opened,
        writer_name=writer,
        text=f"{prefix!r} + line.strip()" if prefix else "line.strip()",
    )  # fmt: skip


def _opened(folder: str) -> str:
    place = f', subfolder="{folder}"' if folder else ""
    return f"AutoTokenizer.from_pretrained(folder{place})"
