"""New words get translations from the text and the parent's own translations of its words."""

import pytest
import torch

import parents
import tiny_models
import toy_corpora
from crosslate.adaptation import aligned_words as module
from crosslate.adaptation.aligned_words import aligned_words
from crosslate.engines.decoding import Hypothesis
from crosslate.errors import InputError
from crosslate.models.initialisers.initial_embeddings import InitialEmbeddings
from crosslate.text.corpora import ParallelCorpus

WORDS = tiny_models.WORDS
ENGLISH = dict(zip(WORDS["fr"], WORDS["en"]))


class Knowing:
    """What a trained parent would be: it says words in a sentence, with others around some of them."""

    def __init__(self, model, *, engine, options):
        assert engine == "pytorch" and options.n_best <= options.beam_size

    def n_best(self, words, count):
        return [
            [Hypothesis(f"The {ENGLISH.get(word, 'nothing')}" + end, -1.0, ()) for end in (".", " sleeps.")]
            for word in words
        ]


@pytest.fixture
def parent(monkeypatch):
    monkeypatch.setattr(module, "Translator", Knowing)
    return toy_corpora.parent()


@pytest.mark.parametrize(("pair", "side"), [(("de", "en"), "source"), (("fr", "es"), "target")])
def test_words_lead_through_the_shared_language_to_the_parents(parent, pair, side):
    text = toy_corpora.corpus(*pair, count=200)
    found = aligned_words(parent, side, text)
    assert found == aligned_words(parent, side, text)
    new, theirs = (WORDS["de"], WORDS["fr"]) if side == "source" else (WORDS["es"], WORDS["en"])
    gold = dict(zip(new, theirs))
    man = new[WORDS["fr"].index("homme")]  # which is no whole piece of the toy parent
    assert {each.word for each in found} == set(new) - {man}
    assert sum(each.translations[0] == gold[each.word] for each in found) >= 13  # of 14
    lines = text.source if side == "source" else text.target
    words = " ".join(lines).replace(".", "").split()
    assert {each.word: each.weight for each in found} == {
        each: words.count(each) for each in set(new) - {man}
    }
    assert all(len(each.shares) == len(each.translations) <= 5 for each in found)


def test_new_rows_lie_nearest_the_rows_of_their_translations(parent):
    german = tiny_models.vocabulary("de")
    words = aligned_words(parent, "source", toy_corpora.corpus("de", "en", count=200))
    child = parents.child(
        parent, source=german, initial=InitialEmbeddings("aligned", {"source": words}),
    )  # fmt: skip
    ours, theirs = (
        torch.nn.functional.normalize(each.get_encoder().get_input_embeddings().weight.detach(), dim=1)
        for each in (child.model, parent.model)
    )
    known = [(f"▁{one}", f"▁{other}") for one, other in zip(WORDS["de"], WORDS["fr"])]
    rows = [
        (german.pieces.index(one), parent.source.pieces.index(other))
        for one, other in known
        if one in german.pieces and other in parent.source.pieces
    ]
    assert len(rows) > 8
    nearest = (ours @ theirs.T).argmax(1)
    assert sum(int(nearest[row]) == other for row, other in rows) >= len(rows) - 1
    counts = child.initial_rows["source"]
    assert counts["aligned"] >= len(rows) and sum(counts.values()) == len(german)


def test_a_text_without_known_words_is_refused(parent):
    with pytest.raises(InputError, match="none of the 1 words of the new language could be linked"):
        aligned_words(parent, "source", ParallelCorpus(["Hund"], ["unheard"], "de", "en"))
