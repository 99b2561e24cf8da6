"""Vocabularies in files of our own: what comes back is what was written, whatever cuts the text."""

import json

import pytest

import parents
from crosslate.errors import VocabularyError
from crosslate.models.vocabularies.saved_vocabularies import (
    SAVED_VOCABULARIES,
    load_vocabularies,
    save_vocabularies,
)
from crosslate.text.segmenters import JsonSegmenter
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary

TEXTS = ["der Hund sieht die Katze", "ein Vogel", ""]


def word_level() -> Vocabulary:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["<pad>", "</s>", "<unk>", "xx_XX", "der", "Hund", "ein"]
    tokenizer = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    segmenter = JsonSegmenter(tokenizer.to_str().encode())
    return Vocabulary(segmenter, None, SpecialIds(eos=1, unk=2, pad=0), Frame((3,), (1,), "so: "))


def mapped() -> Vocabulary:
    """Ids that are not the model's own, in reverse order."""
    own = parents.vocabulary(41)
    ids = {name: 40 - index for name, index in vars(own.special).items()}
    return Vocabulary(own.model, own.pieces[::-1], SpecialIds(**ids))


@pytest.mark.parametrize("make", [lambda: parents.vocabulary(41), mapped, word_level])
def test_round_trip(make, tmp_path):
    other = parents.vocabulary(44)
    save_vocabularies(tmp_path, make(), other)
    source, target = load_vocabularies(tmp_path)
    assert source == make() and source.fingerprint == make().fingerprint
    assert target == other and source != target
    assert source.encode_batch(TEXTS) == make().encode_batch(TEXTS)


def test_the_frame_is_kept(tmp_path):
    save_vocabularies(tmp_path, word_level(), word_level())
    source, _ = load_vocabularies(tmp_path)
    assert source.encode("der Hund") == [3, 2, 4, 5, 1]  # "so:" is unknown


def test_what_is_missing_or_of_another_version_is_named(tmp_path):
    save_vocabularies(tmp_path, mapped(), word_level())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "source.json",
        "source.spm",
        "target.tokenizer.json",
        SAVED_VOCABULARIES,
    ]
    described = json.loads((tmp_path / SAVED_VOCABULARIES).read_text())
    (tmp_path / SAVED_VOCABULARIES).write_text(json.dumps({**described, "format": 7}))
    with pytest.raises(VocabularyError, match="format is 7, expected 1; save the parent again"):
        load_vocabularies(tmp_path)
    described["target"]["kind"] = "letters"
    (tmp_path / SAVED_VOCABULARIES).write_text(json.dumps(described))
    with pytest.raises(VocabularyError, match="kind 'letters', expected one of sentencepiece, tokenizers"):
        load_vocabularies(tmp_path)
    save_vocabularies(tmp_path, mapped(), word_level())
    (tmp_path / "source.json").unlink()
    with pytest.raises(VocabularyError, match=r"source.json: no such file"):
        load_vocabularies(tmp_path)
