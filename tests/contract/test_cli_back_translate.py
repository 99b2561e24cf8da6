"""``crosslate back-translate`` and ``adapt --synthetic``: from text of one language to a pack, and refusals."""

from __future__ import annotations

import json

import pytest

import toy_corpora
from crosslate.errors import EXIT_USAGE
from crosslate.packs.pack import Pack

TEXT = ["chien voit chat.", "maison rouge", "", "enfant dort."]


@pytest.fixture
def make(crosslate, tiny, tmp_path):
    """``make(*more)`` translates French to English with the parent and keeps the sources."""
    (tmp_path / "mono.fr").write_text("".join(f"{line}\n" for line in TEXT), encoding="utf-8")

    def run(*more):
        model = () if "--pack" in more else ("--parent", tiny / "parents/fr-en")
        return crosslate(
            "back-translate", *model, "--input", tmp_path / "mono.fr", "--output", tmp_path / "made.jsonl",
            "--max-new-tokens", 8, *more,
        )  # fmt: skip

    return run


def test_pairs_are_made_and_trained_on(make, crosslate, tiny, tmp_path, caplog):
    ran = make("--side", "source")
    assert ran.code == 0, ran.err
    assert ran.lines == [f"3 pairs of 4 lines, saved to {tmp_path / 'made.jsonl'}"]
    assert "dropped by rule 'empty': 1, first pair 3" in caplog.text
    texts = toy_corpora.write(toy_corpora.corpus("fr", "en"), tmp_path)
    ran = crosslate(
        "adapt", "--parent", tiny / "parents/fr-en", "--new-source", "fr", "--vocab-size", 80,
        "--train", *texts, "--valid", *texts, "--synthetic", tmp_path / "made.jsonl", "--synthetic-share", 0.02,
        "--precision", "fp32", "--epochs", 1, "--no-cleaning", "--out", tmp_path / "pack",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "every epoch has 61 pairs, 1 of the 3 synthetic ones among them" in caplog.text
    record = Pack.load(tmp_path / "pack").manifest.data["synthetic"]
    assert (record["share"], record["pairs"], record["human_side"]) == (0.02, 3, "source")
    assert record["made"]["translator"]["name"] == str(tiny / "parents/fr-en")
    shown = "\n".join(" ".join(line.split()) for line in crosslate("pack", "show", tmp_path / "pack").lines)
    assert "and 3 synthetic pairs of made.jsonl, 1 in each epoch" in shown
    assert "translated by " in shown


def test_a_composition_translates_and_a_pack_translates_back(make, tiny, tmp_path):
    (tmp_path / "mono.fr").write_text("Hund sieht Katze.\nHaus rot\n", encoding="utf-8")
    packs = [tiny / "packs" / name for name in ("de-en", "fr-es")]
    ran = make("--pack", *packs, "--no-cleaning", "--max-length-ratio", "3")
    assert ran.code == 0, ran.err
    made = [json.loads(line) for line in (tmp_path / "made.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [list(each) for each in made] == [["es", "de", "synthetic"]] * 2
    assert [each["de"] for each in made] == ["Hund sieht Katze.", "Haus rot"]
    ran = make("--pack", *packs, "--round-trip", *packs, "--output", tmp_path / "again.jsonl")
    assert ran.code == EXIT_USAGE and "translates de to es, expected es to de" in ran.err
    ran = make("--round-trip", tiny / "parents/fr-en", "--output", tmp_path / "again.jsonl")
    assert ran.code == EXIT_USAGE and "fr-en translates fr to en, expected en to fr" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--input", "-"), "--input is standard input, expected files, so that the run can resume"),
        (
            ("--beside", "-", "--beside-lang", "fr"),
            "--beside is standard input, expected files, so that the run",
        ),
        (("--min-round-trip", 30), "--min-round-trip has no effect without --round-trip"),
        (("--side", "both"), "--side is 'both', expected 'target' or 'source'"),
        (("--output", "made.tsv"), "made.tsv, expected a name that ends in .jsonl"),
        (("--max-length-ratio", 0.5), "--max-length-ratio: 0.5 drops every pair"),
    ],
)
def test_what_cannot_be(make, more, message):
    ran = make(*more)
    assert ran.code == EXIT_USAGE and message in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--synthetic-share", 0.3), "a share or a tag of synthetic pairs is given, but no such pairs"),
        (("--synthetic", "a", "--synthetic-share", 1), "--synthetic-share is 1.0, expected below 1"),
        (
            ("--synthetic", "a", "--synthetic-tag", " <BT>"),
            "the tag is ' <BT>', expected text with single spaces",
        ),
    ],
)
def test_synthetic_text_that_cannot_be(crosslate, more, message):
    ran = crosslate("adapt", "--parent", "p", "--new-source", "de", "--train", "t.tsv", "--out", "o", *more)
    assert ran.code == EXIT_USAGE and message in ran.err


def test_pairs_by_pivoting_train_a_pair_pack(make, crosslate, tiny, tmp_path):
    """German-Spanish from German-French text, whose French side a pack translates."""
    german, french = toy_corpora.write(toy_corpora.corpus("de", "fr"), tmp_path, "text")
    ran = crosslate(
        "back-translate", "--pack", tiny / "packs/fr-es", "--input", french, "--beside", german, "--beside-lang",
        "de", "--side", "source", "--max-new-tokens", 8, "--no-cleaning", "--output", tmp_path / "de-es.jsonl",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    valid = toy_corpora.write(toy_corpora.corpus("de", "es", 12, seed=1), tmp_path, "valid")
    ran = crosslate(
        "adapt", "--valid", *valid, "--from", tiny / "packs/de-en", tiny / "packs/fr-es", "--train", tmp_path / "de-es.jsonl",
        "--no-cleaning", "--precision", "fp32", "--epochs", 1, "--out", tmp_path / "de-es",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert Pack.load(tmp_path / "de-es").manifest.packs
    ran = make("--beside", german)
    assert ran.code == EXIT_USAGE and "--beside and --beside-lang are text and its language" in ran.err
    ran = make("--through", tiny / "packs/fr-es")
    assert ran.code == EXIT_USAGE and "translates fr, expected en" in ran.err
