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


def spelt(text):
    return [text[start:end] for start, end in word_spans(text)]


@pytest.fixture(scope="module")
def parent():
    size = Size(layers=2, width=32, heads=2, feed_forward=48)
    return Parent.create(
        tiny_models.vocabulary("fr"), tiny_models.vocabulary("en"), "fr", "en", size,
        max_positions=tiny_models.MAX_TOKENS,
    )  # fmt: skip


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
    pairs = [(segment.text, "a dog sleeps, and a cat eats") for segment in document.segments]
    align = word_links.attention_align(parent, pairs)
    ((text, translation),) = pairs
    links = align(spelt(text), spelt(translation))
    # Every word of the translation looks at one piece's word, and "sleeps," is two here and there.
    assert {target for target, _ in links} == set(range(len(spelt(translation))))
    result = document.render([translation], align)
    for tag in ("<b>", "</b>", "<i>", "</i>", "{x}"):
        assert result.count(tag) == 1


def test_links_are_carried_to_another_cutting():
    """ "it", "'s" there are "it's" here, and "3.5" there is "3", ".", "5" here."""
    links = [(0, 0), (1, 1), (2, 2)]
    cut = (["it", "'s", "so"], ["3.5", "is", "it"])
    wanted = (["it's", "so"], ["3", ".", "5", "is", "it"])
    assert word_links.carried_links(links, cut, wanted) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 4)]
    # What a model cannot spell makes its words shorter or longer than the text.
    assert word_links.carried_links([(0, 0), (1, 1)], (["a", "bcd"], ["a", "b"]), (["a", "b"], ["a"])) == [
        (0, 0)
    ]
