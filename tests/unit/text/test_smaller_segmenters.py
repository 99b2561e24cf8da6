"""Smaller segmenters: kept text is cut as before, other text into smaller pieces."""

from __future__ import annotations

import io
import json

import pytest

import hub_folders
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


def sentencepiece_model(kind: str) -> SentencePieceSegmenter:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([*hub_folders.lines(), *LINES * 20]), model_writer=model, vocab_size=200, model_type=kind, num_threads=1,
        minloglevel=2,
    )  # fmt: skip
    return SentencePieceSegmenter(model.getvalue())


def tokenizers_bpe(*, is_byte_level: bool) -> JsonSegmenter:
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    if is_byte_level:
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    else:
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if is_byte_level else []
    trainer = BpeTrainer(
        vocab_size=380 if is_byte_level else 120, special_tokens=["<s>", "</s>", "<unk>"],
        initial_alphabet=sorted(alphabet), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(LINES, trainer)
    return JsonSegmenter(tokenizer.to_str().encode())


def tokenizers_unigram() -> JsonSegmenter:
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import Unigram

    pieces = [("<unk>", 0.0), ("▁", -3.0), ("▁the", -2.0), ("▁cat", -4.0), ("cat", -5.0), ("the", -4.5)]
    pieces += [(letter, -6.0 - number / 10) for number, letter in enumerate("acehtsr")]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.add_special_tokens(["</s>"])
    return JsonSegmenter(tokenizer.to_str().encode())


MAKERS = {
    "sentencepiece bpe": lambda: sentencepiece_model("bpe"),
    "sentencepiece unigram": lambda: sentencepiece_model("unigram"),
    "bpe": lambda: tokenizers_bpe(is_byte_level=False),
    "byte-level bpe": lambda: tokenizers_bpe(is_byte_level=True),
}


@pytest.mark.parametrize("name", MAKERS)
def test_kept_text_is_cut_as_before_and_other_text_into_smaller_pieces(name):
    whole = MAKERS[name]()
    kept = LINES[0]
    small = reduced(whole, completed(whole, whole.split(kept), scripts_of(kept)))
    assert len(small.pieces) < len(whole.pieces)
    assert list(small.pieces) == [piece for piece in whole.pieces if piece in small.pieces]
    assert small.split(kept) == whole.split(kept)
    other = LINES[4]
    assert whole.split(other) != small.split(other)
    assert small.join(small.split(other), "<unk>") == other
    assert len(small.split(other)) > len(whole.split(other))


@pytest.mark.parametrize("name", ["sentencepiece bpe", "sentencepiece unigram", "bpe"])
def test_letters_of_other_scripts_go_and_of_the_same_stay(name):
    whole = MAKERS[name]()
    pieces = completed(whole, whole.split("the dog"), scripts_of("the dog"))
    assert "k" in pieces and "," in pieces and "к" not in pieces
    russian = completed(whole, whole.split("the dog"), scripts_of("the dog и"))
    assert "к" in russian


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
    from tokenizers import Tokenizer, processors

    whole = tokenizers_bpe(is_byte_level=True)
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


class Rules:
    """A segmenter that is code."""

    kind, data, identity, pieces = "rules", b"", b"", ("a", "b", "c")

    def split(self, text):
        return list(text)


def test_what_cannot_be_made_smaller_stays():
    rules = Rules()
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
