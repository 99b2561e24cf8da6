"""A parent: a pretrained encoder-decoder with its two vocabularies, for one language pair."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import ParentError, UsageError
from crosslate.files import atomic_folder, read_optional_object, write_json
from crosslate.languages.codes import language_code
from crosslate.models.groups import SIDES
from crosslate.models.parent_files import (
    copy_tokenizer,
    load_model,
    local_folder,
    read_configuration,
    signal_of,
    silence_bars,
    silenced,
)
from crosslate.models.vocabularies.saved_vocabularies import save_vocabularies
from crosslate.models.vocabularies.tokenizer_files import write_marian_files, write_tokenizer
from crosslate.models.vocabularies.vocabulary_files import RECORD, read_vocabularies
from crosslate.text.vocabularies import NoVocabulary, Vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from crosslate.models.anatomy.anatomy import Anatomy
    from crosslate.models.fingerprint import CachedFingerprint
    from crosslate.models.lowered import Lowering
    from crosslate.models.sizes import Size


class Parent:
    """A pretrained model for one language pair. Its tensors are never altered by its children.

    Attributes:
        model: the Hugging Face encoder-decoder, float32, in evaluation mode, no tensor requiring gradients.
        name: hub id or folder it was loaded from, as packs name it.
        folder: where its files lie, where it has any.
        origin: where the files lie that its vocabularies were cut from, where they were.
        is_marian: whether its vocabularies can be written in Marian's layout, which is ours; those of other
            families stay as they are.
        prefix: text before every source text, if it was given for a model whose files do not name it.
        lowering: which tensors are held in a lower precision than they had; None for none. See :meth:`lower`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        source: Vocabulary,
        target: Vocabulary,
        source_language: str,
        target_language: str,
        *,
        name: str,
        folder: Path | None = None,
        is_marian: bool = True,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.source, self.target = source, target
        self.source_language = language_code(source_language)
        self.target_language = language_code(target_language)
        self.name, self.folder, self.is_marian = name, folder, is_marian
        self.origin: Path | None = None
        self.prefix: str | None = None
        self._fingerprint: CachedFingerprint | None = None
        self.lowering: Lowering | None = None

    @classmethod
    def create(
        cls,
        source: Vocabulary,
        target: Vocabulary,
        source_language: str,
        target_language: str,
        size: Size,
        *,
        is_tied: bool = False,
        max_positions: int | None = None,
        seed: int = 1,
    ) -> Parent:
        """A new, untrained model with two vocabularies; the global random state stays as it is.

        It is a Marian model, or mBART's kind if the size asks for the paper's architecture. Dropout is 0.1 on
        embeddings and sublayers; on attention weights 0.1 in the paper's architecture and 0 in Marian's.

        Args:
            is_tied: one table of embeddings for both sides, as in mBART; the vocabularies must be the same.
            max_positions: longest sequence in tokens; None is 512, or 1024 in the paper's architecture.

        Raises:
            ParentError: the two vocabularies have different special ids, or differ and are to be tied.
        """
        import torch
        from transformers import GenerationConfig

        from crosslate.models.paper_transformer import MAX_POSITIONS, paper_transformer

        _check_special(source, target)
        if is_tied and source != target:
            raise ParentError("one table for both sides needs one vocabulary, but the two given differ")
        special, is_papers = source.special, size.architecture == "paper"
        if max_positions is None:
            max_positions = MAX_POSITIONS if is_papers else 512
        ids: dict[str, Any] = {
            "pad_token_id": special.pad,
            "eos_token_id": special.eos,
            # fairseq starts the decoder with the end of a sentence.
            "decoder_start_token_id": special.eos if is_papers else special.pad,
            "forced_eos_token_id": special.eos,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if is_papers:
                ids["bos_token_id"] = special.bos
                pieces = len(source), len(target)
                model = paper_transformer(*pieces, size, max_positions, ids, is_tied=is_tied)
            else:
                model = _marian(source, target, size, max_positions, ids, is_tied=is_tied)
        model.generation_config = GenerationConfig(
            bad_words_ids=[[each] for each in (special.pad, special.bos) if each is not None],
            max_length=max_positions,
            num_beams=4,
            **ids,
        )
        return cls(model, source, target, source_language, target_language, name="unsaved")

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        source_language: str | None = None,
        target_language: str | None = None,
        prefix: str | None = None,
    ) -> Parent:
        """Loads a parent from a folder or the Hugging Face hub; code from a hub is never run.

        Args:
            name: a folder in Hugging Face's layout, or a hub id such as ``Helsinki-NLP/opus-mt-fr-en``.
            source_language: needed only where the files do not name the languages, or name several (mBART,
                NLLB); any language code, or the model's own.
            target_language: likewise.
            prefix: text before every source text, for models that were trained with one which their files do
                not name: T5 fine-tuned on a pair of its own, with ``translate English to Welsh: ``, say.

        Raises:
            ParentError: missing, incomplete, without readable vocabularies, not an encoder-decoder, or not of
                these languages.
        """
        from crosslate.models.sides import describe_start

        silence_bars()
        folder = local_folder(str(name))
        config = read_configuration(folder)
        with silenced():
            record = read_optional_object(folder / RECORD)
            prefix = record.get("prefix") if prefix is None else prefix
            found = read_vocabularies(folder, config, source_language, target_language, prefix)
        signal = signal_of(config)
        model = load_model(folder, signal)
        if (rows := record.get("table_rows")) is not None:
            from crosslate.models.padded import cut_tables

            cut_tables(model, rows)
        if signal:
            found = found.without_text(signal, folder)
        else:  # the target language's code starts the decoder, or comes first
            if found.start is not None:
                model.generation_config.forced_bos_token_id = None
            describe_start(model, found.target, found.start)
        parent = cls(
            model, found.source, found.target, found.source_language, found.target_language, name=str(name),
            folder=folder, is_marian=found.is_marian,
        )  # fmt: skip
        parent.prefix = prefix
        parent._fit_tables(found.optional, found.start)
        return parent

    def _fit_tables(self, optional: frozenset[str], start: int | None) -> None:
        """Leaves out optional pieces beyond the tables, which may have more rows than pieces, never fewer.

        Args:
            optional: pieces that may be left out, unless a sentence has them in its frame.
            start: the target piece that the decoder starts with, if the vocabulary says so.
        """
        from crosslate.models.sides import token_tables

        for side in SIDES:
            if side == "source" and not self.reads_text:
                continue
            vocabulary = getattr(self, side)
            num_rows = min(table.num_embeddings for table in token_tables(self.model, self.anatomy, side))
            frame = vocabulary.frame
            needed = [*frame.before, *frame.after, *vocabulary.special.as_values().values()]
            needed += [start] if side == "target" and start is not None else []
            beyond = vocabulary.pieces[num_rows:]
            if missing := [index for index in needed if index >= num_rows]:
                raise ParentError(
                    f"{self.name}: the {side} vocabulary has {len(vocabulary):,} pieces, its embedding table "
                    f"only {num_rows:,} rows, and every sentence needs the piece "
                    f"{vocabulary.pieces[missing[0]]!r}, which is number {missing[0]:,}; get a model whose "
                    "table was not cut"
                )
            if optional.issuperset(beyond) and beyond:
                vocabulary, _ = vocabulary.restricted(range(num_rows))
                setattr(self, side, vocabulary)
            elif beyond:
                raise ParentError(
                    f"{self.name}: the {side} vocabulary has {len(vocabulary):,} pieces, its embedding table "
                    f"only {num_rows:,} rows; get the model again, with its own tokenizer"
                )

    def save(
        self,
        folder: Path,
        record: Mapping[str, Any] | None = None,
        *,
        replace: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Writes the parent in Hugging Face's layout: AutoModelForSeq2SeqLM and AutoTokenizer load it.

        A vocabulary that is no tokenizer's any more (a trimmed one that its family's files cannot express)
        goes into files of our own, which :meth:`load` alone reads.

        Args:
            record: training and data record, scores; goes into ``crosslate.json`` beside the fingerprint.
            dtype: type of the tensors in the files, one that holds their values exactly
                (:func:`crosslate.models.vocabularies.trimming.exact_dtype`); None keeps theirs.

        Raises:
            ParentError: the vocabularies have different special ids, which Marian's layout cannot express;
                or the parent is held in lower precision.
            InputError: ``folder`` exists and ``replace`` is False.
        """
        if self.lowering:
            raise ParentError(f"{self.name} is held in lower precision, so it is not saved; copy its folder")
        if not self.reads_text and self.folder is None:
            raise ParentError(f"{self.name} was not loaded from a folder whose files could be copied")
        if self.is_marian:
            _check_special(self.source, self.target)
        from crosslate.models.padded import is_one_size_too_few, save_padded

        silence_bars()
        own: dict[str, Any] = {
            "source_language": self.source_language,
            "target_language": self.target_language,
            "fingerprint": self.fingerprint(),
        }
        if self.prefix is not None:
            own["prefix"] = self.prefix
        with atomic_folder(folder, replace=replace) as temporary:
            model = self.model if dtype is None else copy.deepcopy(self.model).to(dtype)
            if is_one_size_too_few(model, self.anatomy):
                own["table_rows"] = save_padded(model, self.anatomy, temporary)
            else:
                model.save_pretrained(temporary)
            sides, languages = (self.source, self.target), (self.source_language, self.target_language)
            if self.is_marian:
                write_marian_files(temporary, self.source, self.target, languages, self.max_tokens)
            elif self.folder is not None:
                copy_tokenizer(self.folder, temporary)
            elif self.origin is None or not write_tokenizer(
                self.origin, temporary, model.config, sides, languages
            ):
                save_vocabularies(temporary, self.source, self.target)
            write_json(temporary / RECORD, {**own, **(record or {})})
        self.name, self.folder = str(folder), folder
        if isinstance(self.source, NoVocabulary):
            self.source.folder = folder

    def fingerprint(self) -> str:
        """Hex sha256 of the tensors as they are now; see :mod:`crosslate.models.fingerprint`.

        Of a parent that :meth:`lower` was asked to hold in less memory, what it was before.
        """
        found = self._held_fingerprint()
        return self.lowering.fingerprint if self.lowering and found == self.lowering.held else found

    def _held_fingerprint(self) -> str:
        from crosslate.models.fingerprint import CachedFingerprint
        from crosslate.models.tensors import unsaved_names

        self._fingerprint = self._fingerprint or CachedFingerprint()
        return self._fingerprint.of(self.model, unsaved_names(self.model))

    def lower(self, keep: Collection[str]) -> None:
        """Holds the matrices that stay frozen in bfloat16 from now on, to save memory.

        Packs of its children name the parent as it was, and hold tensors of the types it had. The model then
        computes under automatic mixed precision only, as training in bf16 and the PyTorch engine do.

        Args:
            keep: groups that stay as they are: those that a strategy trains from the parent's values.

        Raises:
            UsageError: the parent was lowered before.
        """
        from crosslate.models.lowered import Lowering, lower

        if self.lowering:
            raise UsageError(f"{self.name} is held in lower precision already; load it again")
        before = self.fingerprint()
        types = lower(self.model, self.anatomy, keep)
        self.lowering = Lowering(before, self._held_fingerprint(), types)

    def type_of(self, name: str, tensor: torch.Tensor) -> torch.dtype:
        """The type that one of its tensors has, or had before it was lowered."""
        return self.lowering.types.get(name, tensor.dtype) if self.lowering else tensor.dtype

    @cached_property
    def anatomy(self) -> Anatomy:
        """Which tensor belongs to which group."""
        from crosslate.models.anatomy.anatomy import Anatomy

        return Anatomy.of(self.model)

    @property
    def reads_text(self) -> bool:
        """Whether its source is text, not speech or images."""
        return self.source.is_text

    @property
    def max_tokens(self) -> int:
        """Longest sequence in tokens that the positions allow; 512 where the family has no limit."""
        from crosslate.models.sides import target_positions

        positions = getattr(self.model.config, "max_position_embeddings", None)
        if not self.reads_text:  # the target's alone count
            positions = target_positions(self.model)
        return min(int(positions or 512), 1024)

    @property
    def num_parameters(self) -> int:
        """Parameters, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def _marian(
    source: Vocabulary,
    target: Vocabulary,
    size: Size,
    max_positions: int,
    ids: dict[str, Any],
    *,
    is_tied: bool,
) -> PreTrainedModel:
    """A new Marian model, initialised from the global random state."""
    from transformers import MarianConfig, MarianMTModel

    both = {"layers": size.layers, "attention_heads": size.heads, "ffn_dim": size.feed_forward}
    config = MarianConfig(
        vocab_size=len(source),
        decoder_vocab_size=len(target),
        share_encoder_decoder_embeddings=is_tied,
        d_model=size.width,
        **{f"encoder_{name}": number for name, number in both.items()},
        **{f"decoder_{name}": number for name, number in both.items()},
        activation_function="relu",
        dropout=0.1,
        scale_embedding=True,
        max_position_embeddings=max_positions,
        **ids,
    )
    return MarianMTModel(config)


def _check_special(source: Vocabulary, target: Vocabulary) -> None:
    """A configuration, and the tokenizer of the file layout, know one set of special ids for both sides."""
    if source.special != target.special:
        raise ParentError(
            f"the two vocabularies have different special ids, {source.special} and {target.special}; "
            "expected the same on both sides"
        )
