"""Pair packs on the command line: trained, shown, translated with, exported, and refused."""

from __future__ import annotations

import pytest
import yaml

import toy_corpora
from crosslate.errors import EXIT_REFUSED, EXIT_USAGE
from crosslate.packs.pack import Pack
from crosslate.packs.stored_model import StoredModel
from crosslate.translation.translator import Translator


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return toy_corpora.options(tmp_path_factory.mktemp("text"), "de", "es")


@pytest.fixture
def two(tiny):
    return tiny / "packs/de-en", tiny / "packs/fr-es"


@pytest.fixture
def adapt(crosslate, two, texts, tmp_path):
    def run(*more):
        fast = "--precision", "fp32", "--epochs", 1
        return crosslate("adapt", "--from", *two, *texts, *fast, "--out", tmp_path / "de-es", *more)

    return run


def test_from_training_to_translations(adapt, crosslate, two, tmp_path):
    pair = tmp_path / "de-es"
    ran = adapt("--save-config", tmp_path / "adapt.yaml")
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith("pack de-es: ") and "bleu" in ran.lines[0]
    values = yaml.safe_load((tmp_path / "adapt.yaml").read_text(encoding="utf-8"))
    assert values["start"] == [str(each) for each in two] and not values.get("new")
    shown = crosslate("pack", "show", pair)
    assert shown.code == 0, shown.err
    checksums = [Pack.load(each).manifest.checksum for each in two]
    assert all(f"fingerprint {each}" in shown.out for each in checksums) and "pair of" in shown.out
    for options in ((), ("--parent", StoredModel(two).manifests[0].parent.name)):
        ran = crosslate("pack", "verify", pair, *options)
        assert ran.code == 0 and "valid" in ran.out, ran.err
    outputs = set()
    for packs in ((*two, pair), (pair, *two[::-1])):
        for engine in ("pytorch", "ctranslate2"):
            ran = crosslate(
                "translate", "--pack", *packs, "--engine", engine, "--beam", 1, stdin=b"Hund sieht Katze.\n"
            )
            assert ran.code == 0, ran.err
            outputs.add(ran.out)
    assert len(outputs) == 1
    test = ("--test", *toy_corpora.write(toy_corpora.corpus("de", "es", 4, seed=1), tmp_path, "test"))
    ran = crosslate("evaluate", "--pack", *two, pair, *test, "--engine", "pytorch")
    assert ran.code == 0, ran.err
    ran = crosslate("pack", "merge", *two, pair, "--out", tmp_path / "merged")
    assert ran.code == 0, ran.err
    merged = Translator.open(parent=tmp_path / "merged", engine="pytorch")
    assert (merged.source_language, merged.target_language) == ("de", "es")
    ran = crosslate("pack", "export", *two, pair, "--to", "ctranslate2", "--out", tmp_path / "fast")
    assert ran.code == 0, ran.err
    ran = crosslate("pack", "compress", pair, "--dtype", "int8", "--out", tmp_path / "int8")
    assert ran.code == 0, ran.err
    assert Translator.open([*two, tmp_path / "int8"], engine="pytorch").translate(["Hund"])
    ran = crosslate("pack", "compress", pair, "--rank", 1, "--out", tmp_path / "rank")
    assert ran.code == EXIT_USAGE and "relative to what its two packs compose" in ran.err


def test_a_plan(crosslate, two):
    ran = crosslate("plan", "--from", *two)
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith("pair+xattn+low-rank(enc,dec;rank=32) on ")
    ran = crosslate("plan", "--from", *two, "--strategy", "src+xattn")
    assert ran.code == EXIT_USAGE and "a pair pack keeps those of its two packs" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--new-source", "de"), "a new language is given beside packs to start from"),
        (("--vocab-size", 80), "the size or kind of a new vocabulary is given"),
        (("--strategy", "tgt+xattn"), "tgt+xattn learns a new vocabulary, but no language is new"),
        (("--parent-langs", "fr-en"), "languages are given beside packs, which name them"),
    ],
)
def test_what_cannot_be(adapt, tmp_path, more, message):
    ran = adapt(*more)
    assert ran.code == EXIT_USAGE and message in ran.err
    assert not (tmp_path / "de-es").exists()


def test_a_pair_pack_alone_translates_nothing(adapt, crosslate, two, tmp_path):
    assert adapt().code == 0
    for packs in ((), two[:1]):
        ran = crosslate("translate", "--pack", tmp_path / "de-es", *packs, stdin=b"Hund\n")
        assert ran.code == EXIT_REFUSED and "is a pair pack, which works only together with" in ran.err
