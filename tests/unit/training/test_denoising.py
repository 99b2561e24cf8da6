"""Noise: bounded, deterministic per seed, epoch and line, and of the stated amount."""

import numpy
import pytest

import tiny_models
from crosslate.errors import SettingsError, VocabularyError
from crosslate.text.vocabularies import SpecialIds
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.training.batches import ChangingPairs
from crosslate.training.denoising import DenoisingPairs, NoiseSettings
from toy_training import ToyPairs

MASK = 3
WORDS = ["eins", "zwei", "drei", "vier", "sechs", "sieben", "acht", "neun", "zehn", "elf"]
VOCABULARY = train_vocabulary(
    [" ".join(WORDS) + ".", "Eins zwei. Drei vier. Sechs sieben."] * 3,  # no size: as many as there are
    special=SpecialIds(eos=0, unk=1, pad=2, bos=MASK),
)


LONG = " ".join(WORDS * 6)


def lines(*texts):
    ids = [numpy.array(VOCABULARY.encode(text), dtype=numpy.uint16) for text in texts]
    return ToyPairs(ids, ids)


def pairs(*texts, seed=1, **settings):
    return DenoisingPairs(lines(*texts), VOCABULARY, NoiseSettings(**settings), seed)


def test_targets_stay_whole_and_sources_never_get_longer():
    noised = pairs(*[LONG] * 40, mask_share=0.9, mean_span_words=0.5)
    assert isinstance(noised, ChangingPairs)
    for index in range(40):
        source, target = noised.source_ids(index), noised.target_ids(index)
        assert VOCABULARY.decode(target) == LONG
        assert len(source) <= len(target) == noised.source_lengths[index]
        assert source[-1] == VOCABULARY.special.eos and (source[:-1] != VOCABULARY.special.eos).all()


def test_noise_depends_on_seed_epoch_and_line_alone():
    noised = pairs(LONG, LONG)
    first = noised.source_ids(0).tolist()
    assert noised.source_ids(1).tolist() != first
    noised.set_epoch(1)
    assert noised.source_ids(0).tolist() != first
    noised.set_epoch(0)
    assert noised.source_ids(0).tolist() == first == pairs(LONG, LONG).source_ids(0).tolist()
    assert pairs(LONG, LONG, seed=2).source_ids(0).tolist() != first


@pytest.mark.parametrize("share", [0.15, 0.35, 0.6])
def test_the_share_of_masked_words_is_the_one_asked_for(share):
    noised = pairs(*[LONG] * 60, mask_share=share)
    kept = sum(len(VOCABULARY.decode(noised.source_ids(index)).split()) for index in range(60))
    assert kept / (60 * len(LONG.split())) == pytest.approx(1 - share, abs=0.03)


def test_spans_have_the_mean_length_asked_for():
    masked = masks = 0
    noised = pairs(*[LONG] * 60, mask_share=0.2, mean_span_words=3.5)
    for index in range(60):
        source = noised.source_ids(index)
        masks += int((source == MASK).sum())
        masked += len(LONG.split()) - len(VOCABULARY.decode(source).split())
    # 0.2 x 60 words make 12 a line: the last span is cut, and masks between words count for none.
    assert 2.5 < masked / masks < 3.8


def test_sentences_are_permuted_and_none_is_lost():
    text = "Eins zwei. Drei vier. Sechs sieben."
    noised = pairs(text, mask_share=0.0)
    seen = set()
    for epoch in range(12):
        noised.set_epoch(epoch)
        seen.add(VOCABULARY.decode(noised.source_ids(0)))
    assert len(seen) > 2
    assert {" ".join(sorted(each.split())) for each in seen} == {" ".join(sorted(text.split()))}
    kept = pairs(text, mask_share=0.0, permute_sentences=False)
    assert kept.source_ids(0).tolist() == noised.target_ids(0).tolist()


def test_a_script_without_spaces_is_masked_in_parts_and_cut_into_its_sentences():
    text = "我读书。你写信。他们唱歌。"
    vocabulary = train_vocabulary([text, "读书写信唱歌我你他们。"] * 3, special=SpecialIds(0, 1, 2, MASK))
    ids = [numpy.array(vocabulary.encode(text), dtype=numpy.uint16)] * 30
    noised = DenoisingPairs(ToyPairs(ids, ids), vocabulary, NoiseSettings(mask_share=0.3), 1)
    sources = [noised.source_ids(index) for index in range(30)]
    assert min(map(len, sources)) > 2 and sum(MASK in each for each in sources) > 20
    assert len({vocabulary.decode(each)[-4:] for each in sources}) > 2


def test_what_cannot_be_is_refused():
    with pytest.raises(VocabularyError, match="no beginning-of-sentence id"):
        DenoisingPairs(lines("eins"), tiny_models.vocabulary("de"), NoiseSettings(), 1)
    with pytest.raises(SettingsError, match="2 faults"):
        NoiseSettings(mask_share=1.0, mean_span_words=0.0)
