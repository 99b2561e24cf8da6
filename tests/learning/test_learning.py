"""The phrasebook is learnt: embeddings alone translate, cross-attention adds to them, words find their translations.

One parent and three packs, trained for a few epochs on a few thousand pairs (about a minute on one core).
Margins are half of what was measured, which is stated beside them.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.parents import train_parent
from crosslate.adaptation.settings import DataSettings, NewLanguages, OutputSettings, PackOutput
from crosslate.evaluation.embeddings import embeddings
from crosslate.evaluation.lexicon import induce
from crosslate.evaluation.scores import score_translations
from crosslate.models.sizes import parse_size
from crosslate.packs.compose import apply_packs
from crosslate.text.phrasebook import Phrasebook
from crosslate.training.settings import TrainingSettings
from crosslate.translation.translator import Translator
from families import one_thread

DATA = DataSettings(source_vocabulary_size=1_600, target_vocabulary_size=1_600)
PARENT = TrainingSettings(
    max_epochs=5, fresh_learning_rate=1.5e-3, warmup_updates=100, schedule="cosine", patience=0,
    batch_tokens=1_024,
)  # fmt: skip
CHILD = TrainingSettings(
    max_epochs=3, fresh_learning_rate=8e-3, pretrained_learning_rate=1e-3, warmup_updates=50,
    schedule="cosine", patience=0, dropout=0.05, batch_tokens=1_024,
)  # fmt: skip


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder: Path = tmp_path_factory.mktemp("learning")
    book = Phrasebook(seed=1)
    scores, packs = {}, {}
    with one_thread():
        train, valid, test = book.corpora("fr", "en", train=6_000, valid=20, test=200)
        parent = train_parent(
            train, valid, output=OutputSettings(folder=folder / "parent"), size=parse_size("tiny"),
            training=PARENT, data=DATA,
        )  # fmt: skip
        scores["parent"] = score_translations(Translator(parent).translate(test.source), test).value
        train, valid, test = book.corpora("de", "en", train=6_000, valid=20, test=200, part="child")
        for strategy in ("src", "src+xattn"):
            packs[strategy] = adapt(
                parent, train, valid, new=NewLanguages(source="de", strategy=strategy), data=DATA,
                training=CHILD, output=PackOutput(folder=folder / strategy),
            )  # fmt: skip
            translations = Translator(parent, packs[strategy]).translate(test.source)
            scores[strategy] = score_translations(translations, test).value
    return SimpleNamespace(book=book, parent=parent, packs=packs, scores=scores)


def test_a_pair_is_learnt_cross_attention_adds_to_embeddings_and_words_find_their_translations(
    learnt: SimpleNamespace,
):
    """One test, since its training takes longer than any other's."""
    scores = learnt.scores
    assert scores["parent"] > 40 and scores["src"] > 40
    assert scores["src+xattn"] > scores["src"] + 3
    theirs = embeddings(learnt.parent, "source", "fr-en")
    gold = learnt.book.dictionary("de", "fr")
    for pack in learnt.packs.values():
        ours = embeddings(apply_packs(learnt.parent, [pack]), "source", "de-en")
        score = induce(ours, theirs, gold)
        assert score.num_words > 100
        assert score.precision_at_1 > 30
