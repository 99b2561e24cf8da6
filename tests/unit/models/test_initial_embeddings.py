"""Where the rows of a new vocabulary start: counted by hand on vocabularies of a few pieces."""

import pytest
import torch

import parents
import toy_corpora
from crosslate.errors import InputError, UsageError
from crosslate.languages.words import count_words
from crosslate.models.initialisers.initial_embeddings import (
    INITIALISERS,
    InitialEmbeddings,
    TranslatedWord,
    translated_words,
)
from crosslate.models.tensors import named_tensors
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from tiny_models import vocabulary

SPECIAL = SpecialIds(eos=0, unk=1, pad=2)


class Table:
    """A segmenter that knows words by heart; anything else is its unknown piece."""

    kind, data, identity = "table", b"", b""

    def __init__(self, words, lead=False):
        self.words, self.lead = words, lead

    def split(self, text):
        if text == "a":
            return ["a"] if self.lead else ["▁a"]
        assert text.startswith(" ") == self.lead
        return self.words.get(text.strip(), ["??"])

    def marked(self, piece):
        return piece.replace("Ġ", "▁")


def of(pieces, words, special=SPECIAL, lead=False):
    return Vocabulary(Table(words, lead), ["</s>", "<unk>", "<pad>", *pieces], special)


NEW = of(
    ["▁Haus", "tür", "▁Tür", "▁rot", ".", "▁", "▁neu"],
    {"Haus": ["▁Haus"], "Haustür": ["▁Haus", "tür"], "Tür": ["▁Tür"], "rot": ["▁", "▁rot"]},
)
OLD = of(
    ["▁maison", "▁por", "te", ".", "▁rouge"],
    {"maison": ["▁maison"], "porte": ["▁por", "te"], "rouge": ["▁rouge"]},
    SpecialIds(eos=2, unk=0, pad=1),
)
MAISON, POR, TE, STOP, ROUGE = range(3, 8)
WORDS = [
    TranslatedWord("Haus", ("maison",), 6.0),
    TranslatedWord("Haustür", ("porte",), 7.0),
    TranslatedWord("Tür", ("porte", "maison"), 1.0),
    TranslatedWord("rot", ("rouge", "quatre"), 2.0),
    TranslatedWord("neu", ("nouveau",), 5.0),
]


def filled(method, words=(), new=NEW, old=OLD):
    torch.manual_seed(0)
    table = torch.randn(len(new), 4) * 4**-0.5
    parent = torch.randn(len(old) + 2, 4)  # two rows that belong to no piece
    sources = INITIALISERS[method](new, old, words)
    sources.fill(table, parent)
    return sources, table, parent


def test_a_translated_piece_is_the_mean_of_its_words_by_their_counts_and_letters():
    sources, table, parent = filled("dictionary", WORDS)
    door = (parent[POR] + parent[TE]) / 2
    assert sources.counts == {"special": 3, "dictionary": 4, "copied": 1, "mean": 2}
    # ▁Haus: all of Haus, 6 times, and 4 of the 7 letters of Haustür, 7 times.
    assert torch.allclose(table[3], (6 * parent[MAISON] + 4 * door) / 10)
    assert torch.allclose(table[4], door)
    assert torch.allclose(table[5], (door + parent[MAISON]) / 2)
    # "quatre" is no text that the parent knows; the mark alone has no letters.
    assert torch.allclose(table[6], parent[ROUGE])
    assert torch.equal(table[7], parent[STOP])


def test_shares_weigh_the_translations_of_a_word():
    words = [TranslatedWord("Tür", ("porte", "maison", "quatre"), 1.0, (0.2, 0.6, 0.2))]
    sources, table, parent = filled("aligned", words)
    door = (parent[POR] + parent[TE]) / 2
    assert torch.allclose(
        table[5], 0.25 * door + 0.75 * parent[MAISON]
    )  # "quatre" is no text of the parent's
    assert sources.counts == {"special": 3, "aligned": 1, "copied": 1, "mean": 5}


@pytest.mark.parametrize("method", ["mean", "copied", "dictionary"])
def test_special_rows_keep_their_roles(method):
    _, table, parent = filled(method, WORDS)
    assert torch.equal(table[0], parent[2]) and torch.equal(table[1], parent[0])
    assert table[2].eq(0).all()


def test_the_mean_is_that_of_the_parents_pieces_without_special_ones_and_spare_rows():
    sources, table, parent = filled("mean")
    known = parent[[MAISON, POR, TE, STOP, ROUGE]]
    assert torch.allclose(table[3:], known.mean(0).expand(7, 4))
    assert sources.counts == {"special": 3, "mean": 7}


def test_the_same_piece_is_copied_and_nothing_else():
    sources, table, parent = filled("copied")
    _, means, _ = filled("mean")
    assert sources.counts == {"special": 3, "copied": 1, "mean": 6}
    assert torch.equal(table[7], parent[STOP])
    rest = [3, 4, 5, 6, 8, 9]
    assert torch.equal(table[rest], means[rest])


def test_words_stand_behind_a_space_where_that_is_part_of_their_piece():
    old = of(["Ġmaison"], {"maison": ["Ġmaison"]}, lead=True)
    _, table, parent = filled("dictionary", WORDS[:1], old=old)
    assert torch.allclose(table[3], parent[3])


def test_real_vocabularies_and_a_real_text():
    parent = toy_corpora.parent()
    german = vocabulary("de")
    counts = count_words(["Hund Katze.", "Hund sieht Katze"])
    words = translated_words({"hund": ["chien"], "katze": {"chat"}, "haus": ["maison"]}, counts)
    assert words == [TranslatedWord("Hund", ("chien",), 2.0), TranslatedWord("Katze", ("chat",), 2.0)]
    child = parents.child(
        parent, source=german, initial=InitialEmbeddings("dictionary", {"source": words}),
    )  # fmt: skip
    table = child.model.get_encoder().get_input_embeddings().weight
    theirs = parent.model.get_encoder().get_input_embeddings().weight
    rows = {piece: row for row, piece in enumerate(german.pieces)}
    french = {piece: row for row, piece in enumerate(parent.source.pieces)}
    assert torch.allclose(table[rows["▁Hund"]], theirs[french["▁chien"]])
    assert torch.equal(table[rows["."]], theirs[french["."]])
    assert sum(child.initial_rows["source"].values()) == len(german) == 80


def test_capitals_of_the_first_word_are_those_of_its_translations():
    dictionary = {"ein": ["un", "une"], "hund": ["chien"]}
    assert translated_words(dictionary, {"Ein": 3, "ein": 2, "Hund": 1, "HUND": 0}) == [
        TranslatedWord("Ein", ("Un", "Une"), 3.0),
        TranslatedWord("Hund", ("chien",), 1.0),
        TranslatedWord("ein", ("un", "une"), 2.0),
    ]
    assert [each.word for each in translated_words(dictionary)] == ["ein", "hund"]
    with pytest.raises(InputError, match="none of the 1 words of the text is in the dictionary of 2 words"):
        translated_words(dictionary, {"chien": 1})


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "mbart", "t5", "fsmt"])
@pytest.mark.parametrize("method", ["mean", "copied", "dictionary"])
def test_a_new_target_starts_alike_in_and_out_and_all_else_is_as_at_random(family, method):
    parent = parents.parent(family)
    fingerprint = parent.fingerprint()
    new = parents.vocabulary(45, parent.target.special)
    words = {"target": [TranslatedWord("Hund", ("Hund",)), TranslatedWord("Katze", ("Vogel", "Hund"))]}
    plain = parents.child(parent, "tgt+randxattn", target=new)
    child = parents.child(parent, "tgt+randxattn", target=new, initial=InitialEmbeddings(method, words))
    ours, theirs = dict(named_tensors(child.model)), dict(named_tensors(plain.model))
    tables = {
        name
        for planned in child.plan.changed
        if planned.is_resized and max(planned.shape) < planned.num_elements
        for name in planned.names
    }
    assert tables
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]) == (name not in tables), name
        assert tensor.isfinite().all()
    assert plain.initial_rows == {} and set(child.initial_rows) == {"target"}
    eos, pad = new.special.eos, new.special.pad
    originals = dict(named_tensors(parent.model))
    for name in tables:
        assert torch.equal(ours[name][eos], originals[name][parent.target.special.eos])
        assert ours[name][pad].eq(0).all()
    assert parent.fingerprint() == fingerprint


@pytest.mark.parametrize(
    ("strategy", "method", "message"),
    [
        ("src", "median", "unknown initial embeddings 'median'; did you mean 'mean'"),
        ("scratch", "mean", "scratch starts the whole model from random values"),
        ("src", "dictionary", "no dictionary is given for the new source language"),
        ("src", "aligned", "no alignment is given for the new source language"),
        ("embed", "copied", "embed keeps all embeddings"),
    ],
)
def test_what_would_mean_nothing_is_refused(strategy, method, message):
    new = {} if strategy == "embed" else {"source": 43}
    with pytest.raises(UsageError, match=message):
        parents.child(parents.parent(), strategy, **new, initial=InitialEmbeddings(method))
