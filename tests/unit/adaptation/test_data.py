"""From corpora to a run's data: cleaned, held out, encoded; from files as from memory."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_models
import toy_corpora
from crosslate.adaptation import data
from crosslate.adaptation.data import encode, prepare, vocabulary
from crosslate.adaptation.settings import DataSettings
from crosslate.errors import CorpusError
from crosslate.text.cleaning import CleaningSettings
from crosslate.text.corpora import ParallelCorpus, StoredPairs, TextFiles
from crosslate.text.phrasebook import Phrasebook
from crosslate.text.synthetic import SyntheticText, record_of, write_record
from crosslate.text.vocabularies import SpecialIds
from crosslate.training.mixed_pairs import MixedPairs


def pairs(count: int, source: str = "de", target: str = "en") -> ParallelCorpus:
    sides = [f"Satz {row}" for row in range(count)], [f"sentence {row}" for row in range(count)]
    return ParallelCorpus(*sides, source, target, "toy")


def files(corpus: ParallelCorpus, folder: Path, name: str = "train") -> TextFiles:
    return TextFiles(toy_corpora.write(corpus, folder, name), corpus.source_language, corpus.target_language)


def test_dirty_pairs_are_dropped_counted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    dirty = ParallelCorpus(["Satz 0", "", "Satz 2"], ["sentence 0", "lost", "sentence 2"], "de", "en", "toy")
    with caplog.at_level(logging.INFO, logger="crosslate"):
        prepared = prepare(dirty, pairs(5), DataSettings(), 1, tmp_path)
    assert list(prepared.train) == [("Satz 0", "sentence 0"), ("Satz 2", "sentence 2")]
    assert prepared.record["train"]["pairs"] == 2
    assert prepared.record["cleaning"]["rules"]["empty"]["dropped"] == 1
    assert "kept 2 of 3 pairs" in caplog.text and "'empty': 1" in caplog.text


def test_swapped_sides_are_refused_before_anything_is_written(tmp_path: Path):
    right, valid, made = Phrasebook().corpora("de", "en", train=60, valid=60, test=60)
    swapped, wrong, synthetic = (
        ParallelCorpus(each.target, each.source, "de", "en", each.origin) for each in (right, valid, made)
    )
    with pytest.raises(CorpusError, match="3 faults:") as refused:
        prepare(swapped, wrong, DataSettings(), 1, tmp_path / "run", SyntheticText(synthetic, 0.5))
    for name in ("child", "valid", made.origin):
        assert f"{name}: the sides are swapped: the source text" in str(refused.value)
    assert not (tmp_path / "run").exists()
    prepare(right, valid, DataSettings(), 1, tmp_path / "run")


def test_mined_text_has_further_rules_in_the_record(tmp_path: Path):
    mined = DataSettings(cleaning=CleaningSettings(mined=True))
    prepared = prepare(files(pairs(20), tmp_path), pairs(5), mined, 1, tmp_path / "run")
    assert list(prepared.train) == [("Satz 0", "sentence 0")]
    assert prepared.record["cleaning"]["rules"]["near-duplicate"] == {
        "dropped": 19, "example": {"line": 2, "source": "Satz 1", "target": "sentence 1"},
    }  # fmt: skip


def test_validation_text_is_never_cleaned_and_only_its_first_pairs_are_translated(tmp_path: Path):
    given = ParallelCorpus(["", "b", "b", "c"], ["x", "b", "b", "d"], "de", "en", "valid")
    prepared = prepare(pairs(9), given, DataSettings(max_validation_pairs=3), 1, tmp_path)
    assert list(prepared.valid) == [("", "x"), ("b", "b"), ("b", "b")]
    assert prepared.record["valid"] == {
        "origin": "valid", "pairs": 4, "translated": 3, "sha256": given.content_hash, "held_out": False,
    }  # fmt: skip
    everything = prepare(pairs(9), given, DataSettings(max_validation_pairs=0), 1, tmp_path)
    assert len(everything.valid) == 4


def test_two_in_a_hundred_are_held_out_at_most_a_thousand_by_the_seed(tmp_path: Path):
    prepared = prepare(pairs(1_000), None, DataSettings(), 1, tmp_path)
    assert (len(prepared.train), len(prepared.valid)) == (980, 20)
    assert sorted([*prepared.train, *prepared.valid]) == sorted(pairs(1_000))
    assert list(prepared.train) == sorted(prepared.train, key=lambda pair: int(pair[0].split()[1]))
    assert prepared.record["valid"]["held_out"] is True
    assert list(prepare(pairs(1_000), None, DataSettings(), 1, tmp_path).valid) == list(prepared.valid)
    assert list(prepare(pairs(1_000), None, DataSettings(), 2, tmp_path).valid) != list(prepared.valid)
    large = prepare(pairs(60_000), None, DataSettings(cleaning=CleaningSettings(enabled=False)), 1, tmp_path)
    assert len(large.valid) == 1_000


@pytest.mark.parametrize("is_given", [True, False])
def test_files_give_the_same_as_memory(tmp_path: Path, is_given: bool):
    corpus = pairs(700)
    corpus = ParallelCorpus(
        [*corpus.source, "Satz 3", " x"], [*corpus.target, "sentence 3", ""], "de", "en", "toy"
    )
    valid = pairs(20) if is_given else None
    expected = prepare(corpus, valid, DataSettings(), 5, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    held = valid and files(valid, tmp_path, "valid")
    streamed = prepare(files(corpus, tmp_path), held, DataSettings(), 5, tmp_path / "run")
    assert isinstance(streamed.train, StoredPairs)
    for one, other in ((streamed.train, expected.train), (streamed.valid, expected.valid)):
        assert list(one) == list(other)
        assert (len(one), one.content_hash) == (len(other), other.content_hash)
    assert streamed.record["cleaning"] == expected.record["cleaning"]
    assert streamed.record["train"] == expected.record["train"] | {"origin": "train.de + train.en"}


def test_faults_of_both_corpora_come_together_and_leave_nothing(tmp_path: Path):
    train = files(pairs(3), tmp_path)
    Path(train.paths[1]).write_text("only one\n")
    missing = TextFiles([tmp_path / "no.de", tmp_path / "no.en"], "de", "en")
    made = SyntheticText.read([tmp_path / "no.jsonl"], ("de", "en"), share=0.5)
    with pytest.raises(CorpusError) as caught:
        prepare(train, missing, DataSettings(), 1, tmp_path / "run", made)
    assert all(each in str(caught.value) for each in ("train.de has 3 lines", "no.de", "no.jsonl"))
    assert not (tmp_path / "run").exists()


def test_training_text_that_a_record_calls_synthetic_is_marked(tmp_path: Path):
    path, valid = tmp_path / "made.jsonl", pairs(3)
    lines = [json.dumps({"de": source, "en": target}) + "\n" for source, target in pairs(700)]
    path.write_text("".join(lines), encoding="utf-8")
    text = TextFiles([path], "de", "en")
    assert record_of(text) == {}
    write_record(path, path, "de", {"translator": {"name": "x"}})
    prepared = prepare(text, valid, DataSettings(), 1, tmp_path / "run")
    record = prepared.record["train"]
    assert (record["pairs"], record["in_validation"], len(prepared.train)) == (697, 3, 697)
    assert record["made"]["translator"] == {"name": "x"} and record["made"]["human_language"] == "de"
    held = prepare(text, None, DataSettings(), 1, tmp_path / "run")
    assert held.valid.origin == held.record["valid"]["origin"] == "made.jsonl (held out, synthetic)"
    assert len(held.train) == 686 and held.record["train"]["made"] == record["made"]
    with pytest.raises(CorpusError, match=r"made\.jsonl: all synthetic pairs have a side of the validation"):
        prepare(text, pairs(700), DataSettings(), 1, tmp_path / "run")
    path.write_text("".join(lines[1:]), encoding="utf-8")
    assert record_of(text) == {}


def test_what_cannot_be_used_is_said(tmp_path: Path):
    empty = ParallelCorpus([], [], "de", "en", "nothing.de")
    blank = ParallelCorpus([""], [""], "de", "en", "blank.de")
    for train, valid, message in [
        (pairs(9), pairs(9, "en", "de"), "validation corpus is en-de, the training corpus de-en"),
        (blank, pairs(9), "blank.de: no pairs are left after cleaning: cleaning kept 0 of 1"),
        (pairs(9), empty, "nothing.de: the validation corpus is empty"),
        (pairs(499), None, "499 pairs, too few to hold some out"),
    ]:
        with pytest.raises(CorpusError, match=message):
            prepare(train, valid, DataSettings(), 1, tmp_path)


@pytest.mark.parametrize(("max_tokens", "max_positions", "limit"), [(256, 32, 32), (256, 30, 28), (9, 32, 9)])
def test_pairs_that_the_model_cannot_hold_are_dropped_and_counted(
    tmp_path: Path, max_tokens: int, max_positions: int, limit: int
):
    long = ParallelCorpus(["Hund " * length for length in range(1, 40)], ["dog"] * 39, "de", "en", "toy")
    prepared = prepare(long, pairs(1), DataSettings(cleaning=CleaningSettings(enabled=False)), 1, tmp_path)
    source, target = tiny_models.vocabulary("de"), tiny_models.vocabulary("en")
    encoded = encode(
        prepared, source, target, DataSettings(max_tokens=max_tokens), tmp_path / "cache", max_positions
    )
    lengths = np.array([len(source.encode(text)) for text in long.source])
    assert encoded.source_lengths.tolist() == lengths[lengths <= limit].tolist()
    assert prepared.record["encoded"]["dropped_too_long"] == int((lengths > limit).sum()) > 0
    assert prepared.record["encoded"]["max_tokens"] == limit


def test_a_vocabulary_is_learnt_once_and_again_only_where_it_could_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    prepared = prepare(toy_corpora.corpus("de", "en"), pairs(1), DataSettings(), 1, tmp_path)
    made = vocabulary(prepared, "source", toy_corpora.DATA, tmp_path)
    calls: list[str] = []
    learn = data.train_vocabulary
    monkeypatch.setattr(
        data, "train_vocabulary", lambda *given, **named: calls.append("learnt") or learn(*given, **named)
    )
    again = vocabulary(prepared, "source", toy_corpora.DATA, tmp_path)
    assert again == made and again.fingerprint == made.fingerprint and not calls
    for changes in (
        {"side": "target"},
        {"special": SpecialIds(eos=3, unk=2, pad=1)},
        {"settings": DataSettings(source_vocabulary_size=70)},
        {"settings": DataSettings(vocabulary_kind="unigram")},
    ):
        options = {"side": "source", "settings": toy_corpora.DATA} | changes
        other = vocabulary(prepared, cache=tmp_path, **options)  # type: ignore[arg-type]
        assert calls.pop() and other != made


def test_rare_characters_are_recorded_with_an_example(tmp_path: Path):
    """Also if the vocabulary was learnt before an interruption."""
    common = [f"der Hund sieht die Katze und den Vogel im Garten {row}" for row in range(4_000)]
    rare = [
        "selten " + "".join(map(chr, range(start, start + 12))) for start in range(0x4E00, 0x4E00 + 1_200, 12)
    ]
    corpus = ParallelCorpus([*common, *rare], ["the dog sees it"] * 4_100, "de", "en", "toy")
    settings = DataSettings(source_vocabulary_size=400)
    for _ in ("learnt", "loaded"):
        prepared = prepare(corpus, pairs(5), settings, 1, tmp_path)
        vocabulary(prepared, "source", settings, tmp_path)
        (side,) = prepared.record["rare_characters"]
        found = prepared.record["rare_characters"][side]
        assert (side, found["characters"], found["occurrences"]) == ("source", 1_200, 1_200)
        assert found["example"] == rare[0]
        json.dumps(prepared.record)
    plain = prepare(pairs(600), pairs(5), DataSettings(), 1, tmp_path)
    vocabulary(plain, "target", DataSettings(), tmp_path)
    assert "rare_characters" not in plain.record


def synthetic(pairs: list[tuple[str, str]], human: str = "en", tag: str = "") -> SyntheticText:
    source, target = zip(*pairs)
    corpus = ParallelCorpus(source, target, "de", "en", "made.jsonl")
    return SyntheticText(corpus, 0.5, tag, {"human_language": human}, {"made.jsonl": "0" * 64})


MADE = [
    ("Hund", "dog"), ("", "cat"), ("Hund", "dog"), ("Haus", "sentence 1"), ("Satz 2", "house"), ("Katze", "cat"),
    ("Satz 7", "sentence 7"),
]  # fmt: skip


def test_synthetic_pairs_are_cleaned_and_counted_apart_and_never_validated_with(tmp_path: Path):
    dirty = ParallelCorpus(["Satz 7", ""], ["sentence 7", "lost"], "de", "en", "toy")
    settings = DataSettings(max_validation_pairs=1)  # all of it counts, not only what is translated
    prepared = prepare(dirty, pairs(4), settings, 1, tmp_path, synthetic(MADE, tag="<BT>"))
    assert list(prepared.train) == [("Satz 7", "sentence 7")] and list(prepared.valid) == list(pairs(1))
    kept = [("Hund", "dog"), ("Katze", "cat"), ("Satz 7", "sentence 7")]
    assert prepared.synthetic is not None and list(prepared.synthetic.untagged) == kept
    assert list(prepared.synthetic) == [("<BT> " + source, target) for source, target in kept]
    record = prepared.record["synthetic"]
    assert (record["pairs"], record["in_validation"], prepared.record["train"]["pairs"]) == (3, 2, 1)
    assert {rule: each["dropped"] for rule, each in record["cleaning"]["rules"].items() if each["dropped"]} == {
        "empty": 1, "duplicate": 1,
    }  # fmt: skip
    assert prepared.record["cleaning"]["total"] == 2 and record["files"] == {"made.jsonl": "0" * 64}
    assert (record["share"], record["tag"], record["human_side"]) == (0.5, "<BT>", "target")
    assert record["made"] == {"human_language": "en"}
    held = prepare(pairs(600), None, DataSettings(), 1, tmp_path, synthetic(MADE))
    assert set(held.valid) <= set(pairs(600))


def test_a_resumed_run_must_have_the_same_mixture(tmp_path: Path):
    def identity(**changes):
        made = replace(synthetic(MADE), **changes)
        return prepare(pairs(9), pairs(1), DataSettings(), 1, tmp_path, made).identity

    assert identity() == identity()
    others = [{"share": 0.4}, {"tag": "<BT>"}, {"record": {}}, {"corpus": synthetic(MADE[:2]).corpus}]
    assert len({str(each) for each in (identity(), *(identity(**other) for other in others))}) == 5
    assert "synthetic" not in prepare(pairs(9), pairs(1), DataSettings(), 1, tmp_path).identity


@pytest.mark.parametrize(("human", "learnt"), [("en", "target"), ("de", "source"), ("", None)])
def test_a_vocabulary_is_learnt_from_what_people_wrote(tmp_path: Path, human: str, learnt: str | None):
    made = synthetic([("Ω " * 20 + str(row), "ж " * 20 + str(row)) for row in range(9)], human, tag="<BT>")
    corpus = toy_corpora.corpus("de", "en")
    plain = prepare(corpus, pairs(1), DataSettings(), 1, tmp_path)
    prepared = prepare(corpus, pairs(1), DataSettings(), 1, tmp_path, made)
    for side, letter in (("source", "Ω"), ("target", "ж")):
        found = vocabulary(prepared, side, toy_corpora.DATA, tmp_path)  # type: ignore[arg-type]
        assert any(letter in piece for piece in found.pieces) == (side == learnt)
        assert [piece for piece in found.pieces if "<B" in piece] == ["<BT>"] * (side == "source")
        if side == "source":
            tagged, alone = found.encode("<BT> Hund"), found.encode("Hund")
            assert [found.pieces[each] for each in tagged[: -len(alone)]] == ["▁", "<BT>"]
        if side != learnt and side == "target":
            assert found == vocabulary(plain, side, toy_corpora.DATA, tmp_path)  # type: ignore[arg-type]


def test_synthetic_pairs_are_encoded_with_their_tag_after_the_real_ones(tmp_path: Path):
    long = ("Hund " * 40, "dog")
    made = synthetic([("Hund Katze", "dog cat"), long, ("Katze", "cat")], tag="rot")
    corpus = toy_corpora.corpus("de", "en", 5)
    prepared = prepare(
        corpus, pairs(1), DataSettings(cleaning=CleaningSettings(enabled=False)), 1, tmp_path, made
    )
    source, target = tiny_models.vocabulary("de"), tiny_models.vocabulary("en")
    mixed = encode(prepared, source, target, DataSettings(), tmp_path / "cache", 32, seed=3)
    assert isinstance(mixed, MixedPairs) and len(mixed) == 7 and mixed.num_drawn == 2
    texts = [*corpus, ("rot Hund Katze", "dog cat"), ("rot Katze", "cat")]
    for index, (one, other) in enumerate(texts):
        assert mixed.source_ids(index).tolist() == source.encode(one)
        assert mixed.target_ids(index).tolist() == target.encode(other)
    record = prepared.record["synthetic"]
    assert (record["encoded"]["pairs"], record["encoded"]["dropped_too_long"]) == (2, 1)
    assert record["pairs_per_epoch"] == 2 and prepared.record["encoded"]["pairs"] == 5


def test_synthetic_pairs_that_cannot_be_used(tmp_path: Path):
    other = replace(synthetic(MADE), corpus=pairs(3, "en", "de"))
    copies = synthetic([("dog", "dog"), ("Satz 0", "new")])
    for made, message in [
        (other, "synthetic pairs are en-de, the training corpus de-en"),
        (copies, "made.jsonl: no synthetic pairs are left: .*'copy': 1, .*1 left out, they have a side"),
    ]:
        with pytest.raises(CorpusError, match=message):
            prepare(pairs(9), pairs(1), DataSettings(), 1, tmp_path, made)
