"""Links of words from cross-attention, in whatever way a document cuts its words."""

import numpy
import pytest

import tiny_models
from crosslate.documents import open_text
from crosslate.evaluation.attention import SentenceAttention
from crosslate.languages.words import word_spans
from crosslate.models.parent import Parent
from crosslate.models.sizes import Size
from crosslate.translation import word_links


@pytest.fixture(scope="module")
def parent():
    french, english = tiny_models.vocabulary("fr"), tiny_models.vocabulary("en")
    size, positions = Size(layers=2, width=32, heads=2, feed_forward=48), tiny_models.MAX_TOKENS
    return Parent.create(french, english, "fr", "en", size, max_positions=positions)


def test_links_are_read_from_the_layer_for_alignment(parent, monkeypatch):
    """Of two layers that is the second; "le chien", where each word looks at the other."""

    def crossed(model, anatomy, pairs):
        assert model is parent and anatomy is parent.anatomy
        weights = numpy.zeros((2, 2, 4, 3), dtype=numpy.float32)
        weights[0] = numpy.array([[1, 0, 0]] * 4)
        weights[1] = numpy.array([[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
        return [SentenceAttention(0, ("▁le", "▁chien", "</s>"), ("▁the", "▁do", "g", "</s>"), weights)]

    monkeypatch.setattr(word_links, "attend", crossed)
    align = word_links.attention_align(parent, [("le chien", "the dog"), ("l'eau", "the water")])
    assert align(["le", "chien"], ["the", "dog"]) == [(0, 1), (1, 0)]
    # What was not attended to, and what is another sentence, goes by proportion.
    assert align(["l'eau"], ["the", "water"]) == [(0, 0), (1, 0)]


def test_a_live_model_places_every_tag(parent):
    document = open_text("<p>un <b>chien</b> dort, {x} et <i>un chat</i> mange</p>", "html", "fr")
    text, translation = document.segments[0].text, "a dog sleeps, and a cat eats"
    align = word_links.attention_align(parent, [(text, translation)])
    words, others = ([side[start:end] for start, end in word_spans(side)] for side in (text, translation))
    # Every word of the translation looks at one piece's word, and "sleeps," is two here and there.
    assert {target for target, _ in align(words, others)} == set(range(len(others)))
    result = document.render([translation], align)
    assert all(result.count(tag) == 1 for tag in ("<b>", "</b>", "<i>", "</i>", "{x}"))


def test_links_are_carried_to_another_cutting():
    """ "it", "'s" there are "it's" here, and "3.5" there is "3", ".", "5" here."""
    links = [(0, 0), (1, 1), (2, 2)]
    cut = (["it", "'s", "so"], ["3.5", "is", "it"])
    wanted = (["it's", "so"], ["3", ".", "5", "is", "it"])
    assert word_links.carried_links(links, cut, wanted) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 4)]
    # What a model cannot spell makes its words shorter or longer than the text.
    cut, wanted = (["a", "bcd"], ["a", "b"]), (["a", "b"], ["a"])
    assert word_links.carried_links([(0, 0), (1, 1)], cut, wanted) == [(0, 0)]
