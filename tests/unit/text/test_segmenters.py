"""Segmenters, and vocabularies in another frame than the end of sentence."""

import hashlib
import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

import parents
from crosslate.errors import VocabularyError
from crosslate.text.segmenters import JsonSegmenter, by_id
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary

SPECIAL = SpecialIds(eos=2, unk=3, pad=1, bos=0)
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "a", "b", "Ġa", "Ã©"]


def byte_level() -> JsonSegmenter:
    """Letters a and b, a space, é as one piece of two bytes."""
    ids = {piece: index for index, piece in enumerate([*PIECES, "Ã", "©"])}
    merges = [("Ġ", "a"), ("Ã", "©")]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.enable_truncation(2)
    return JsonSegmenter(tokenizer.to_str().encode())


class TestByteLevel:
    def test_ids_and_text(self):
        vocabulary = Vocabulary(byte_level(), None, SPECIAL, Frame((0,), (2,)))
        assert vocabulary.encode("ab a é") == [0, 5, 6, 7, 4, 8, 2]
        assert vocabulary.encode_pieces("ab a") == ["a", "b", "Ġa"]
        assert vocabulary.decode([0, 5, 6, 7, 4, 8, 2, 1]) == "ab a é"
        assert vocabulary.encode("azb") == [0, 5, 3, 6, 2]
        assert vocabulary.decode([5, 3, 6]) == "a ⁇ b"
        assert vocabulary.marked_pieces[4:9] == ("▁", "a", "b", "▁a", "é")

    def test_fewer_pieces(self):
        vocabulary, kept = Vocabulary(byte_level(), None, SPECIAL, Frame((4,), (2,))).restricted([6, 7])
        assert kept == [0, 1, 2, 3, 4, 6, 7]
        assert vocabulary.frame == Frame((4,), (2,))
        # Without "a", it is unknown; b moved to 5 and Ġa to 6.
        assert vocabulary.encode("ab a") == [4, 3, 5, 6, 2]

    def test_the_fingerprint_is_of_pieces_and_merges_not_of_the_layout(self):
        described = json.loads(byte_level().data)
        described |= {"version": "9", "truncation": None}
        described["model"]["merges"] = [" ".join(each) for each in described["model"]["merges"]]
        other, changed = byte_level(), byte_level()
        other.data = json.dumps(described).encode()
        described["model"]["merges"].pop()
        changed.data = json.dumps(described).encode()
        assert other.identity == byte_level().identity != changed.identity

    def test_what_is_no_tokenizer_is_refused(self):
        with pytest.raises(VocabularyError, match="not a tokenizer of the tokenizers library"):
            JsonSegmenter(b"{}")


def unigram() -> JsonSegmenter:
    """A model that lists its special pieces among those of text, with the best score, as that of T5 does."""
    listed = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("deu_Latn", 0.0),
        *((each, -3.0) for each in "▁ab</s>dueLtn_"),
    ]
    tokenizer = Tokenizer(models.Unigram(listed, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(
        [AddedToken(piece, lstrip=True) for piece in ("<pad>", "</s>", "<unk>", "deu_Latn")]
    )
    return JsonSegmenter(tokenizer.to_str().encode())


@pytest.mark.parametrize("text", ["a </s> b", "</s>", "a</s>", "deu_Latn b", "a deu_Latn"])
def test_text_that_spells_special_pieces_is_text(text):
    vocabulary = Vocabulary(unigram(), None, SpecialIds(eos=1, unk=2, pad=0), Frame((3,), (1,)))
    ids = vocabulary.encode(text)
    assert ids == vocabulary.encode_batch([text])[0] and min(ids[1:-1]) > 3
    assert vocabulary.decode(ids) == text
    assert vocabulary.pieces[:4] == ("<pad>", "</s>", "<unk>", "deu_Latn")
    assert vocabulary.encode("x <pad>")[1:-1].count(2) == 2  # neither x nor p is known


def test_pieces_of_another_model_are_words_too():
    """OPUS-MT lists the pieces of both sides together, so that a target may hold the source's."""
    own = parents.vocabulary(46)
    assert "▁maison" not in own.pieces
    vocabulary = Vocabulary(own.model, [*own.pieces, "▁maison"], own.special)
    ids = own.encode(parents.TEXT[0])[:-1]
    assert vocabulary.decode([46, *ids, 46, 2]) == f"maison {parents.TEXT[0]} maison"
    assert vocabulary.decode(ids) == parents.TEXT[0]


class TestFrames:
    def test_ids_around_the_text_and_text_before_it(self):
        plain = parents.vocabulary(50)
        framed = plain.framed(Frame((1, 1), (2, 0), "der Hund "))
        inner = plain.encode("der Hund liest")[:-1]
        assert framed.encode("liest") == [1, 1, *inner, 2, 0]
        assert framed.encode("") == framed.encode("  ") == [1, 1, 2, 0]
        assert framed.num_frame_ids == 4 and plain.num_frame_ids == 1
        assert framed.decode([1, 1, *inner, 2, 0]) == "der Hund liest"
        assert framed.encode_pieces("liest") == plain.encode_pieces("liest")

    def test_a_frame_is_part_of_the_identity_but_not_of_the_pieces(self):
        plain = parents.vocabulary(50)
        framed = plain.framed(Frame((7,), (2,)))
        assert framed != plain and framed.has_pieces_of(plain)
        assert framed.fingerprint != plain.fingerprint
        assert plain.framed(Frame(after=(2,))).fingerprint == plain.fingerprint

    def test_the_fingerprint_without_a_frame_is_the_documented_one(self):
        plain = parents.vocabulary(50)
        described = json.dumps([list(plain.pieces), repr(plain.special)], ensure_ascii=False)
        assert plain.fingerprint == hashlib.sha256(plain.model + described.encode()).hexdigest()

    def test_special_ids_are_needed_with_other_segmenters(self):
        with pytest.raises(VocabularyError, match="without their special ids"):
            Vocabulary(byte_level())


def test_ids_without_a_piece_get_a_name():
    assert by_id({"a": 0, "b": 2}) == ("a", "<unused 1>", "b")
    assert by_id({}) == ()
