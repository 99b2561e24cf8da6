"""Folders that look like the checkpoints of the hub: a tiny random model in half precision with a real tokenizer.

``write("nllb", folder)`` makes one; :data:`LAYOUTS` says which there are. Tokenizers are trained on the
phrasebook and lie in the files that the family's published checkpoints have, no more.
"""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import transformers

import families
import parents
from crosslate.models.child import Child
from crosslate.models.parent import Parent
from crosslate.text.phrasebook import Phrasebook
from crosslate.text.segmenters import SentencePieceSegmenter
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.training.batches import Batch

SPREAD = 0.4
"""Standard deviation of weights: large, so that translations differ from text to text."""
FAIRSEQ_IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
T5_IDS = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}


NLLB_CODES = ["ace_Arab", "arb_Arab", "ary_Arab", "deu_Latn", "eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant"]
"""Some of the 202 that the published checkpoints list in their ``tokenizer_config.json``."""


@dataclass(frozen=True)
class Layout:
    """One family as it lies on the hub.

    Attributes:
        family: of ``families.build``.
        write: writes the tokenizer's files and returns what the configuration says of its size.
        config: fields of the model's configuration.
        languages: what ``Parent.load`` is given; empty where the files name the languages.
        codes: the languages as the family's own tokenizer wants them.
        spare_rows: rows of the table beyond the tokenizer's pieces.
    """

    family: str
    write: Callable[[Path], dict[str, int]]
    config: dict[str, Any] = field(default_factory=dict)
    languages: dict[str, str] = field(default_factory=dict)
    codes: tuple[str, str] | None = None
    spare_rows: int = 0


@cache
def lines() -> tuple[str, ...]:
    """French and English sentences of the phrasebook."""
    train, _, _ = Phrasebook().corpora("fr", "en", train=300, valid=0, test=0)
    return (*train.source, *train.target)


def write(name: str, folder: Path, *, is_learnable: bool = False, **changes: Any) -> Layout:
    """Writes a checkpoint of a family into a new folder.

    Args:
        is_learnable: the weights are as the family initialises them, not spread.
        changes: of the model's configuration.
    """
    layout = LAYOUTS[name]
    folder.mkdir(parents=True)
    sized = layout.write(folder)
    if layout.spare_rows:
        sized["vocab_size"] += layout.spare_rows
    model = families.build(layout.family, seed=3, **{**sized, **layout.config, **changes})
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1 and parameter.requires_grad and not is_learnable:
                parameter.copy_(SPREAD * torch.randn(parameter.shape, generator=generator))
    model.half().save_pretrained(folder)
    return layout


@cache
def sentencepiece_model(size: int, kind: str, **ids: Any) -> bytes:
    return parents.sentencepiece_model(lines(), size, kind, **ids)


def pieces_of(model: bytes) -> tuple[str, ...]:
    return SentencePieceSegmenter(model).pieces


def _json(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _length(folder: Path) -> dict[str, int]:
    """Pieces of the tokenizer in ``folder``, its own codes included; the model's type must be known for that."""
    return {"vocab_size": len(transformers.AutoTokenizer.from_pretrained(folder))}


def _fairseq(
    folder: Path, *, tokenizer_class: str, kind: str, model_type: str, **config: Any
) -> dict[str, int]:
    """``sentencepiece.bpe.model`` whose ids are shifted by one, with the codes of languages after them."""
    (folder / "sentencepiece.bpe.model").write_bytes(sentencepiece_model(150, kind))
    _json(folder, "tokenizer_config.json", {"tokenizer_class": tokenizer_class, **config})
    _json(folder, "config.json", {"model_type": model_type})
    return _length(folder)


def listed_pieces(folder: Path, *, tokenizer_class: str) -> dict[str, int]:
    """A SentencePiece model beside fairseq's dictionary, which says what ids its pieces have."""
    model = sentencepiece_model(150, "bpe")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    # Four special pieces, the others by frequency, not all of the model's.
    listed = ["<s>", "<pad>", "</s>", "<unk>", *reversed(pieces_of(model)[3:-2])]
    _json(folder, "vocab.json", {piece: index for index, piece in enumerate(listed)})
    _json(folder, "tokenizer_config.json", {"tokenizer_class": tokenizer_class})
    return {"vocab_size": len(listed) + 100}  # M2M100's codes of languages


def byte_level(folder: Path, *, special: list[str], **config: Any) -> dict[str, int]:
    """``vocab.json`` and ``merges.txt`` of byte-level BPE, special pieces first."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(lines(), vocab_size=340, special_tokens=special, show_progress=False)
    tokenizer.save_model(str(folder))
    _json(folder, "tokenizer_config.json", config)
    return {"vocab_size": tokenizer.get_vocab_size()}


def _blenderbot_small(folder: Path) -> dict[str, int]:
    """Pieces that are no word's last end in ``@@``; merges mark the last with ``</w>``."""
    special = ["__null__", "__start__", "__end__", "__unk__"]
    merges, pieces = _word_merges(lower=True)
    named = [piece.removesuffix("</w>") if piece.endswith("</w>") else f"{piece}@@" for piece in pieces]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys([*special, *named]))}
    _json(folder, "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{each}\n" for each in merges))
    _json(folder, "tokenizer_config.json", {"tokenizer_class": "BlenderbotSmallTokenizer"})
    return {"vocab_size": len(vocabulary)}


def _fsmt(folder: Path) -> dict[str, int]:
    merges, pieces = _word_merges(lower=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    source = [*special, *pieces]
    target = [*special, *reversed(pieces[:-3])]  # two vocabularies over one list of merges
    _json(folder, "vocab-src.json", {piece: index for index, piece in enumerate(source)})
    _json(folder, "vocab-tgt.json", {piece: index for index, piece in enumerate(target)})
    (folder / "merges.txt").write_text("".join(f"{each} 1\n" for each in merges))
    _json(folder, "tokenizer_config.json", {"tokenizer_class": "FSMTTokenizer", "langs": ["fr", "en"]})
    return {"src_vocab_size": len(source), "tgt_vocab_size": len(target)}


def _word_merges(*, lower: bool) -> tuple[list[str], list[str]]:
    """Merges of BPE within words, and every piece that they and single letters give."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    text = [re.sub(r"([.,!?'])", r" \1 ", line.lower() if lower else line) for line in lines()]
    # Named beforehand, since the trainer numbers last letters in the order of a hash table: merges would vary.
    last = sorted({f"{word[-1]}</w>" for line in text for word in line.split()})
    trainer = BpeTrainer(vocab_size=260, special_tokens=last, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    return merges, sorted(model["vocab"], key=model["vocab"].__getitem__)


def _t5(folder: Path, *, model_type: str = "t5", **config: Any) -> dict[str, int]:
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "pad_piece": "<pad>"}
    (folder / "spiece.model").write_bytes(sentencepiece_model(150, "unigram", **ids))
    _json(folder, "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", **config})
    _json(folder, "config.json", {"model_type": model_type})
    return _length(folder)


def _umt5(folder: Path) -> dict[str, int]:
    """``tokenizer.json`` beside the SentencePiece model."""
    number = _t5(folder, extra_ids=0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    _json(folder, "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", **special})
    return number


def _marian(folder: Path, *, codes: tuple[str, ...] = (), target_language: str = "en") -> dict[str, int]:
    """OPUS-MT: one mapping for two SentencePiece models, padding last, maybe codes of languages before that."""
    pieces = _marian_pieces(folder, "source.spm", "unigram") | _marian_pieces(folder, "target.spm", "bpe")
    listed = ["</s>", "<unk>", *sorted(pieces - {"</s>", "<unk>"}), *codes, "<pad>"]
    _json(folder, "vocab.json", {piece: index for index, piece in enumerate(listed)})
    _json(folder, "tokenizer_config.json", {"source_lang": "fr", "target_lang": target_language})
    rows, pad = ("vocab_size", "decoder_vocab_size"), ("pad_token_id", "decoder_start_token_id")
    return dict.fromkeys(rows, len(listed)) | dict.fromkeys(pad, len(listed) - 1)


def _marian_separate(folder: Path) -> dict[str, int]:
    """Two mappings; the special pieces come first, in both."""
    sizes = {}
    for name, kind, mapping, size in (
        ("source", "unigram", "vocab.json", "vocab_size"),
        ("target", "bpe", "target_vocab.json", "decoder_vocab_size"),
    ):
        special = ["</s>", "<unk>", "<pad>"]
        listed = [*special, *sorted(_marian_pieces(folder, f"{name}.spm", kind) - set(special))]
        _json(folder, mapping, {piece: index for index, piece in enumerate(listed)})
        sizes[size] = len(listed)
    described = {"source_lang": "fr", "target_lang": "en", "separate_vocabs": True}
    _json(folder, "tokenizer_config.json", described)
    return sizes


def _marian_pieces(folder: Path, name: str, kind: str) -> set[str]:
    model = sentencepiece_model(120, kind, bos_id=-1)
    (folder / name).write_bytes(model)
    return set(pieces_of(model))


SIDES = {"source": "src+xattn", "target": "tgt+xattn", "both": "src+tgt+xattn"}
"""Strategies by the sides that they renew."""


def shaken_child(parent: Parent, side: str) -> Child:
    """A child whose new sides are German, moved as training would; without new ones for ``none``."""
    vocabulary = train_vocabulary(parents.TEXT * 4, 120, special=parent.source.special.fitted(120))
    new = {each: vocabulary for each in ("source", "target") if side in (each, "both")}
    strategy = SIDES.get(side, "embed+xattn")
    return parents.shake(parents.child(parent, strategy, codes=("de", "de"), **new))


def sentence_pair(model: Any, text: str) -> Batch:
    """A batch of one sentence that is translated to itself."""
    source, target = model.source.encode(text), model.target.encode(text)
    start = model.model.config.decoder_start_token_id
    return Batch(
        source=torch.tensor([source]), source_mask=torch.ones(1, len(source), dtype=torch.long),
        decoder_input=torch.tensor([[start, *target[:-1]]]), labels=torch.tensor([target]),
        num_labels=len(target), num_tokens=len(source) + len(target),
    )  # fmt: skip


@contextmanager
def plain_sacremoses() -> Iterator[None]:
    """A stand-in for sacremoses, which FSMT's tokenizer asks for: words and punctuation apart, no more."""

    class Tokenizer:
        def __init__(self, lang: str = "en") -> None:
            self.lang = lang

        def tokenize(self, text: str, **_: Any) -> list[str]:
            return re.findall(r"\w+|[^\w\s]", text)

        def detokenize(self, tokens: list[str]) -> str:
            return re.sub(r" ([.,!?])", r"\1", " ".join(tokens))

        def normalize(self, text: str) -> str:
            return text

    module: Any = types.ModuleType("sacremoses")
    module.MosesTokenizer = module.MosesDetokenizer = module.MosesPunctNormalizer = Tokenizer
    before = sys.modules.get("sacremoses")
    sys.modules["sacremoses"] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules["sacremoses"]
        else:
            sys.modules["sacremoses"] = before


_FRENCH_ENGLISH = {"source_language": "fr", "target_language": "en"}
_EOS_FIRST = FAIRSEQ_IDS | {"decoder_start_token_id": 2}

LAYOUTS: dict[str, Layout] = {
    "marian": Layout(
        "marian-shared", _marian, {"eos_token_id": 0, "bos_token_id": None, "scale_embedding": True},
    ),
    "marian-separate": Layout(
        "marian-separate", _marian_separate,
        {
            "eos_token_id": 0, "bos_token_id": None, "pad_token_id": 2, "decoder_start_token_id": 2,
            "scale_embedding": True,
        },
    ),
    "marian-of-many": Layout(
        "marian-shared", partial(_marian, codes=(">>fra<<", ">>eng<<", ">>spa<<"), target_language="mul"),
        {"eos_token_id": 0, "bos_token_id": None, "scale_embedding": True},
        _FRENCH_ENGLISH,
    ),
    "mbart": Layout(
        "mbart", partial(_fairseq, tokenizer_class="MBartTokenizer", kind="unigram", model_type="mbart"),
        FAIRSEQ_IDS | {"decoder_start_token_id": None}, _FRENCH_ENGLISH, ("fr_XX", "en_XX"),
    ),
    "mbart-50": Layout(
        "mbart", partial(_fairseq, tokenizer_class="MBart50Tokenizer", kind="unigram", model_type="mbart"),
        _EOS_FIRST, _FRENCH_ENGLISH, ("fr_XX", "en_XX"),
    ),
    "m2m100": Layout(
        "m2m100", partial(listed_pieces, tokenizer_class="M2M100Tokenizer"), _EOS_FIRST, _FRENCH_ENGLISH, ("fr", "en"), spare_rows=8,
    ),
    "nllb": Layout(
        "m2m100", partial(_fairseq, tokenizer_class="NllbTokenizer", kind="bpe", model_type="m2m_100",
                         additional_special_tokens=NLLB_CODES), _EOS_FIRST, _FRENCH_ENGLISH, ("fra_Latn", "eng_Latn"),
    ),
    "bart": Layout(
        "bart", partial(byte_level, special=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], tokenizer_class="BartTokenizer"),
        _EOS_FIRST | {"forced_bos_token_id": 0}, _FRENCH_ENGLISH,
    ),
    "pegasus": Layout(
        "pegasus", partial(_t5, tokenizer_class="PegasusTokenizer", model_type="pegasus"), T5_IDS | {"bos_token_id": 0}, _FRENCH_ENGLISH,
    ),
    "blenderbot": Layout(
        "blenderbot",
        partial(byte_level, special=["<pad>", "<s>", "</s>", "<unk>", "<mask>"], tokenizer_class="BlenderbotTokenizer"),
        {"decoder_start_token_id": 1}, _FRENCH_ENGLISH,
    ),
    "blenderbot-small": Layout(
        "blenderbot-small", _blenderbot_small, {"decoder_start_token_id": 1}, _FRENCH_ENGLISH
    ),
    "plbart": Layout(
        "plbart", partial(_fairseq, tokenizer_class="PLBartTokenizer", kind="bpe", model_type="plbart"),
        FAIRSEQ_IDS | {"decoder_start_token_id": None},
        {"source_language": "python", "target_language": "en"}, ("__python__", "__en_XX__"),
    ),
    "t5": Layout(
        "t5", _t5,
        T5_IDS | {"task_specific_params": {
            "translation_fr_to_en": {"prefix": "translate French to English: ", "num_beams": 4},
            "translation_en_to_de": {"prefix": "translate English to German: "},
        }},
        _FRENCH_ENGLISH, spare_rows=6,
    ),
    "t5-v1.1": Layout("t5-v1.1", _t5, T5_IDS, _FRENCH_ENGLISH, spare_rows=6),
    "mt5": Layout("mt5", partial(_t5, extra_ids=0, model_type="mt5"), T5_IDS, _FRENCH_ENGLISH),
    "umt5": Layout("umt5", _umt5, T5_IDS, _FRENCH_ENGLISH),
    "fsmt": Layout("fsmt", _fsmt, _EOS_FIRST | {"langs": ["fr", "en"], "forced_eos_token_id": None}),
}  # fmt: skip
