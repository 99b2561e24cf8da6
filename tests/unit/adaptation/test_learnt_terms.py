"""Terms are learnt: annotated copies of the training text, its markers in the pack, and what cannot be learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tiny_models
import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.data import Prepared
from crosslate.adaptation.learnt_terms import with_learnt_terms
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput, TermSettings
from crosslate.errors import CorpusError, Interrupted, SettingsError, TrainingError, VocabularyError
from crosslate.models.parent import Parent
from crosslate.packs.compact import compressed
from crosslate.packs.manifest import term_markers_of
from crosslate.packs.pack import Pack
from crosslate.text.corpora import ParallelCorpus, StoredPairs
from crosslate.text.phrasebook import Phrasebook
from crosslate.text.term_annotations import TermMarkers
from crosslate.text.vocabulary_training import train_vocabulary
from toy_training import At, interrupt

MARKERS = TermMarkers(before="⟦", between="⟼", after="⟧")
LEARN = TermSettings(learn=True)
GERMAN = NewLanguages(source="de")
TEXT, VALID = toy_corpora.corpus("de", "en"), toy_corpora.corpus("de", "en", 12, seed=1)
DATA = DataSettings(source_vocabulary_size=100, target_vocabulary_size=80)


def learnt(
    parent: Parent, out: Path | None = None, pair: tuple[str, str] = ("de", "en"), **options: Any
) -> Pack:
    return adapt(
        parent, toy_corpora.corpus(*pair), toy_corpora.corpus(*pair, 12, seed=1), data=DATA,
        output=None if out is None else PackOutput(folder=out, **options.pop("output", {})),
        training=toy_corpora.settings(**options.pop("training", {})),
        **({"new": GERMAN, "terms": LEARN} | options),
    )  # fmt: skip


def annotated(corpus: Any, parent: Parent, folder: Path, new: Any = GERMAN, seed: int = 1) -> Prepared:
    return with_learnt_terms(Prepared(corpus, VALID, {}), parent, new, LEARN, seed, folder)


@pytest.fixture(scope="module")
def german(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return learnt(parent, tmp_path_factory.mktemp("packs") / "de-en")


def test_what_the_pack_says(parent: Parent, german: Pack):
    manifest = german.manifest
    assert manifest.terms == MARKERS and Pack.load(german.folder).manifest.terms == MARKERS
    vocabulary = german.vocabularies["source"]
    assert set(MARKERS.signs) < set(vocabulary.pieces)
    # English letters that no German sentence has are spelt, too.
    assert vocabulary.special.unk not in vocabulary.encode("⟦ Hund⟼ woman⟧ house")
    record = manifest.data["annotated"]
    assert record["pairs"] == 60 and record["share"] == 0.2 and 60 <= record["terms"] <= 180
    assert record["pairs_per_epoch"] == 15  # a fifth of 60 and 15
    assert term_markers_of([manifest]) == MARKERS
    assert compressed(german, dtype="bfloat16").manifest.terms == MARKERS
    plain = toy_corpora.adapted(parent, None, training={"max_epochs": 1}).manifest
    assert plain.terms is None and "annotated" not in plain.data


def test_only_what_is_trained_for_the_pair_has_learnt(german: Pack):
    manifest = german.manifest
    other = manifest.changed(terms=None)
    pair = manifest.changed(packs=(german.manifest.identity,) * 2, renewed=(), special_ids={})
    assert term_markers_of([manifest, other]) is None and term_markers_of([]) is None
    assert term_markers_of([other, other, pair]) == MARKERS


def test_a_stopped_run_ends_in_the_same_pack(parent: Parent, german: Pack, tmp_path: Path):
    with pytest.raises(Interrupted):
        learnt(parent, tmp_path / "pack", progress=At(2, interrupt))
    again = learnt(parent, tmp_path / "pack")
    assert toy_corpora.are_equal(german, again)
    assert again.manifest.data["annotated"]["sha256"] == german.manifest.data["annotated"]["sha256"]


def test_a_stopped_run_does_not_go_on_with_other_terms(parent: Parent, tmp_path: Path):
    with pytest.raises(Interrupted):
        learnt(parent, tmp_path / "pack", progress=At(2, interrupt))
    with pytest.raises(TrainingError, match=r"identity\.annotated"):
        learnt(parent, tmp_path / "pack", terms=LEARN.changed(share=0.5))


def test_a_pack_that_goes_on_learns_terms_further(parent: Parent, german: Pack):
    on = learnt(parent, start=[german], new=None, terms=None)
    assert on.manifest.terms == MARKERS and on.manifest.data["annotated"]["pairs"] == 60
    assert on.vocabularies == german.vocabularies


def test_copies_say_what_stands_in_the_translation(parent: Parent, tmp_path: Path):
    corpus, _, _ = Phrasebook(seed=1).corpora("de", "en", train=300, valid=1, test=1)
    found = annotated(corpus, parent, tmp_path).annotated
    plain = set(corpus)
    num_terms = num_exact = 0
    assert found is not None and len(found.pairs) > 250
    for source, target in found.pairs:
        terms = MARKERS.translations_in(source)
        assert 1 <= len(terms) <= 3
        num_terms += len(terms)
        num_exact += sum(term.lower() in target.lower() for term in terms)
        for term in terms:
            source = source.replace(f"⟼ {term}⟧", "", 1).replace("⟦", "", 1)
        assert (source.strip(), target) in plain
    assert 0.8 < num_exact / num_terms < 1  # some stand in another form


def test_the_seed_decides(parent: Parent, tmp_path: Path):
    first, again, other = (annotated(TEXT, parent, tmp_path, seed=seed).annotated for seed in (1, 1, 2))
    assert first and again and other
    assert list(first.pairs) == list(again.pairs) != list(other.pairs)


def test_scripts_without_spaces_have_phrases(parent: Parent, tmp_path: Path):
    chinese = ["北京很大", "我喜欢北京", "上海很大", "我喜欢上海", "北京", "上海", "很大", "我喜欢"] * 3
    english = [
        "Beijing big",
        "like Beijing",
        "Shanghai big",
        "like Shanghai",
        "Beijing",
        "Shanghai",
        "big",
        "like",
    ] * 3
    corpus = ParallelCorpus(chinese, english, "zh", "en")
    found = annotated(corpus, parent, tmp_path, NewLanguages(source="zh")).annotated
    assert found is not None
    sources = [source for source, _ in found.pairs]
    assert any("⟦北京⟼ Beijing⟧" in each or "⟦ 北京⟼ Beijing⟧" in each for each in sources)


def test_a_corpus_in_files_is_annotated_in_files(parent: Parent, tmp_path: Path):
    stored = StoredPairs.store(TEXT, TEXT.languages, "files", tmp_path / "text")
    found = annotated(stored, parent, tmp_path / "run").annotated
    assert found is not None and isinstance(found.pairs, StoredPairs)
    in_memory = annotated(TEXT, parent, tmp_path).annotated
    assert in_memory is not None and list(found.pairs) == list(in_memory.pairs)


def test_a_text_that_has_the_markers_is_not_annotated(parent: Parent, tmp_path: Path):
    lines = [f"{line} {sign}" for line in TEXT.source for sign in "⟦"]
    found = annotated(TEXT.with_pairs([*zip(lines, TEXT.target)]), parent, tmp_path).annotated
    assert found is not None and found.markers.signs == ("⟼", "⟧", "⦃") and len(found.pairs) == 60


def signed_parent() -> Parent:
    """A parent whose source vocabulary has signs."""
    text = [*toy_corpora.corpus("fr", "en").source, *("| [chat] |", "chien [rouge]")]
    source = train_vocabulary([*text, "perro gato casa rojo come duerme"])
    return Parent.create(
        source,
        tiny_models.vocabulary("en"),
        "fr",
        "en",
        tiny_models.SIZE,
        max_positions=tiny_models.MAX_TOKENS,
    )


def test_a_vocabulary_that_stays_has_signs_or_is_refused(parent: Parent, tmp_path: Path):
    spanish: dict[str, Any] = {"new": NewLanguages(target="es"), "pair": ("fr", "es")}
    with pytest.raises(
        VocabularyError, match=r"the source vocabulary of unsaved stays, but it spells only 0"
    ):
        learnt(parent, tmp_path / "no", **spanish)
    assert not (tmp_path / "no").exists()
    able = signed_parent()
    pack = learnt(able, training={"max_epochs": 1}, **spanish)
    assert pack.manifest.terms == TermMarkers(before="|", between="[", after="]")
    assert pack.manifest.renewed == ("target",)
    # Words with letters that the source vocabulary lacks are never put in.
    corpus = toy_corpora.corpus("fr", "es")
    found = annotated(corpus, able, tmp_path, NewLanguages(target="es")).annotated
    assert found is not None
    unknown = able.source.special.unk
    put_in = {each for source, _ in found.pairs for each in found.markers.translations_in(source)}
    assert put_in and not any(unknown in able.source.encode(each) for each in put_in)
    assert "pequeño" not in put_in and "perro" in put_in


def test_a_text_without_words_that_translate_each_other_is_refused(parent: Parent, tmp_path: Path):
    corpus = ParallelCorpus(["1 2 3", "4"], ["1 2 3", "4"], "de", "en", "numbers")
    with pytest.raises(CorpusError, match=r"numbers: terms are to be learnt, but none of its 2 pairs"):
        annotated(corpus, parent, tmp_path)


def test_a_share_without_terms_is_refused():
    with pytest.raises(SettingsError, match="no terms are to be learnt"):
        TermSettings(share=0.5)
