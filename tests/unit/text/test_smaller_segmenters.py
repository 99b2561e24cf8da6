"""Smaller segmenters: kept text is cut as before, other text into smaller pieces."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

import hub_folders
import parents
from crosslate.errors import VocabularyError
from crosslate.text.segmenters import JsonSegmenter, SentencePieceSegmenter
from crosslate.text.smaller_segmenters import completed, reduced, scripts_of

LINES = [
    "the cat sees the dog and the bird in the garden",
    "a woman buys a new book today and reads it",
    "birds sing, dogs bark and cats run through gardens",
    "кошка видит собаку, а собака видит птицу в саду",
    "tomorrow we walk with the children into the woods",
]


@cache
def sentencepiece_data(kind: str) -> bytes:
    return parents.sentencepiece_model([*hub_folders.lines(), *LINES * 20], 200, kind)


def sentencepiece_model(kind: str) -> SentencePieceSegmenter:
    return SentencePieceSegmenter(sentencepiece_data(kind))


def made(tokenizer: Tokenizer, part) -> JsonSegmenter:
    """A segmenter whose words come from a pre-tokenizer and a decoder of one name."""
    tokenizer.pre_tokenizer, tokenizer.decoder = getattr(pre_tokenizers, part)(), getattr(decoders, part)()
    return JsonSegmenter(tokenizer.to_str().encode())


def tokenizers_bpe(part: str, size: int) -> JsonSegmenter:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = getattr(pre_tokenizers, part)()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet()) if part == "ByteLevel" else []
    special = ["<s>", "</s>", "<unk>"]
    trainer = BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return made(tokenizer, part)


def tokenizers_unigram() -> JsonSegmenter:
    pieces = [("<unk>", 0.0), ("▁", -3.0), ("▁the", -2.0), ("▁cat", -4.0), ("cat", -5.0), ("the", -4.5)]
    pieces += [(letter, -6.0 - number / 10) for number, letter in enumerate("acehtsr")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.add_special_tokens(["</s>"])
    return made(tokenizer, "Metaspace")


MAKERS = {
    "sentencepiece bpe": lambda: sentencepiece_model("bpe"),
    "sentencepiece unigram": lambda: sentencepiece_model("unigram"),
    "bpe": lambda: tokenizers_bpe("Metaspace", 120),
    "byte-level bpe": lambda: tokenizers_bpe("ByteLevel", 380),
}


@pytest.mark.parametrize("name", MAKERS)
def test_kept_text_is_cut_as_before_and_other_text_into_smaller_pieces(name):
    whole = MAKERS[name]()
    kept, other = LINES[0], LINES[4]
    small = reduced(whole, completed(whole, whole.split(kept), scripts_of(kept)))
    assert len(small.pieces) < len(whole.pieces)
    assert list(small.pieces) == [piece for piece in whole.pieces if piece in small.pieces]
    assert small.split(kept) == whole.split(kept)
    assert small.join(small.split(other), "<unk>") == other
    assert len(small.split(other)) > len(whole.split(other))
    if name != "byte-level bpe":  # of which no piece is a letter of another script
        pieces = completed(whole, whole.split("the dog"), scripts_of("the dog"))
        assert "k" in pieces and "," in pieces and "к" not in pieces
        assert "к" in completed(whole, whole.split("the dog"), scripts_of("the dog и"))


def test_what_stands_for_no_text_stays_and_ids_are_renumbered():
    whole = tokenizers_unigram()
    small = reduced(whole, completed(whole, {"▁cat"}, {"LATIN"}))
    # Single letters are Latin; the worst piece, r, is one of them.
    assert small.pieces == ("<unk>", "▁", "▁cat", *"acehtsr", "</s>")
    described = json.loads(small.data)
    assert described["model"]["unk_id"] == 0
    assert [(each["content"], each["id"]) for each in described["added_tokens"]] == [("</s>", 10)]


def test_the_worst_piece_stays_since_unknown_characters_cost_by_it():
    whole = sentencepiece_model("unigram")
    scores = {piece: whole.processor.GetScore(row) for row, piece in enumerate(whole.pieces)}
    ordinary = {piece: score for piece, score in scores.items() if not piece.startswith("<")}
    worst = min(ordinary.values())
    kept = completed(whole, {"▁the"}, set())
    assert min(ordinary[piece] for piece in kept & ordinary.keys()) == worst


def test_ids_in_a_post_processor_follow():
    whole = tokenizers_bpe("ByteLevel", 380)
    tokenizer = Tokenizer.from_str(whole.data.decode())
    tokenizer.add_special_tokens(["<end>"])
    row = tokenizer.token_to_id("<end>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <end>", special_tokens=[("<end>", row)]
    )
    whole = JsonSegmenter(tokenizer.to_str().encode())
    small = reduced(whole, completed(whole, whole.split(LINES[0]), {"LATIN"}))
    again = Tokenizer.from_str(small.data.decode())
    assert again.token_to_id("<end>") == len(small.pieces) - 1 < row
    assert again.encode(LINES[0]).ids[-1] == len(small.pieces) - 1


def test_what_cannot_be_made_smaller_stays():
    rules = SimpleNamespace(pieces=("a", "b", "c"))  # a segmenter that is code
    assert completed(rules, {"a"}, {"LATIN"}) == {"a"}
    assert reduced(rules, {"a"}) is rules


def test_scripts():
    assert scripts_of("Ça, 12!") == {"LATIN"}
    assert scripts_of("а b 中") == {"CYRILLIC", "LATIN", "CJK"}


def test_a_damaged_model_is_named():
    whole = sentencepiece_model("bpe")
    whole.data = b"\x0b" + whole.data
    with pytest.raises(VocabularyError, match="not a SentencePiece model"):
        reduced(whole, {"a"})
