"""``tokenizer.json`` of SentencePiece vocabularies, as the ``tokenizers`` library reads it."""

import io
import json

import pytest
import sentencepiece
from tokenizers import Tokenizer

from crosslate.models.vocabularies.tokenizer_json import tokenizer_json
from crosslate.text.segmenters import SentencePieceSegmenter
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary

LINES = ["der Hund sieht die Katze", "собака видит кошку", "犬は猫を見る", "Straße und Haus"] * 40
TEXTS = ["der  Hund sieht 犬 ", "собака Straße ½ ﬁ", "unseen ☃☃ letters", "x<sep>Haus", "Haus. Haus!"]


def vocabulary(**changes):
    model = io.BytesIO()
    settings = {
        "vocab_size": 90,
        "eos_id": 0,
        "unk_id": 1,
        "pad_id": 2,
        "bos_id": -1,
        "character_coverage": 1.0,
    }
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(LINES), model_writer=model, minloglevel=2, hard_vocab_limit=False,
        **settings | changes,
    )  # fmt: skip
    return Vocabulary(model.getvalue())


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "bpe"},
        {"model_type": "unigram"},
        {"model_type": "bpe", "byte_fallback": True, "vocab_size": 350},
        {"model_type": "unigram", "normalization_rule_name": "identity", "add_dummy_prefix": False},
        {"model_type": "bpe", "user_defined_symbols": ["<sep>"], "normalization_rule_name": "nmt_nfkc_cf"},
    ],
    ids=str,
)
def test_texts_become_the_same_ids(changes):
    expected = vocabulary(**changes)
    found = Tokenizer.from_str(json.dumps(tokenizer_json(expected)))
    for text in TEXTS:
        assert found.encode(text).ids == expected.encode(text)
    assert found.decode(found.encode("der Hund sieht").ids).lower() == "der hund sieht"


def test_other_ids_and_another_frame():
    own = vocabulary(model_type="bpe")
    pieces = [*own.pieces[3:], "<unk>", "</s>", "<pad>", ">>de<<"]
    special = SpecialIds(eos=len(pieces) - 3, unk=len(pieces) - 4, pad=len(pieces) - 2)
    frame = Frame((len(pieces) - 1,), (special.eos,))
    moved = Vocabulary(own.segmenter, pieces, special, frame, [len(pieces) - 1])
    found = Tokenizer.from_str(json.dumps(tokenizer_json(moved)))
    for text in TEXTS:
        assert found.encode(text).ids == moved.encode(text)
    assert found.decode(found.encode("der Hund sieht").ids) == "der Hund sieht"


def test_what_the_format_cannot_express():
    assert tokenizer_json(vocabulary(model_type="char")) is None
    own = vocabulary(model_type="bpe")
    fewer = Vocabulary(SentencePieceSegmenter(own.segmenter.data), own.pieces[:-1], own.special)
    assert tokenizer_json(fewer) is None
