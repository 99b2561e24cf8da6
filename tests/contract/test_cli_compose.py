"""``crosslate compose improve``: from the text of two packs to their pair pack, in one command that resumes."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

import parents
import tiny_models
import toy_corpora
from crosslate.adaptation import data
from crosslate.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE, ParentError
from crosslate.models.parent import Parent
from crosslate.packs.compose import pack_child
from crosslate.packs.pack import Pack
from crosslate.translation import chain
from toy_training import interrupt


@pytest.fixture(scope="module")
def models(tiny, tmp_path_factory):
    """Parents from English and Spanish to French, and a pack from French to German on the parent of the two packs."""
    root = tmp_path_factory.mktemp("models")
    for pair in (("en", "fr"), ("es", "fr")):
        sides = (tiny_models.vocabulary(each) for each in pair)
        parent = Parent.create(*sides, *pair, tiny_models.SIZE, max_positions=tiny_models.MAX_TOKENS)
        parent.save(root / "-".join(pair))
    first = Parent.load(tiny / "parents/fr-en")
    german = parents.child(first, "tgt+xattn[k,v]", target=tiny_models.vocabulary("de"), codes=("fr", "de"))
    pack_child(german).save(root / "fr-de")
    return root


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Text of both packs' pairs, German beside French, and real pairs to validate on."""
    folder = tmp_path_factory.mktemp("text")
    write, corpus = toy_corpora.write, toy_corpora.corpus
    return {
        "de-en": write(corpus("de", "en"), folder / "source"),
        "de-fr": write(corpus("de", "fr"), folder / "other"),
        "fr-es": write(corpus("fr", "es", 50, seed=2), folder / "target"),
        "valid": write(corpus("de", "es", 12, seed=1), folder, "valid"),
    }


@pytest.fixture(autouse=True)
def _identifier_is_loaded_once(monkeypatch):
    """It takes a second."""
    monkeypatch.setattr(data.identifier, "cache_clear", lambda: None)


@pytest.fixture
def improve(crosslate, tiny, texts, tmp_path):
    def run(*more, packs=(tiny / "packs/de-en", tiny / "packs/fr-es"), valid=True):
        real = ("--valid", *texts["valid"]) if valid else ()
        return crosslate(
            "compose", "improve", *packs, *real, "--precision", "fp32", "--epochs", 1, "--dropout", 0,
            "--max-new-tokens", 8, "--beam", 1, "--engine", "pytorch", "--no-cleaning", "--out", tmp_path / "de-es", *more,
        )  # fmt: skip

    return run


@pytest.fixture
def both(tiny, texts, models):
    """Text of both packs, with the models that lead from it."""
    return (
        "--source-text", *texts["de-en"], "--source-through", models / "en-fr", tiny / "packs/fr-es",
        "--target-text", *texts["fr-es"], "--target-through", models / "fr-de",
    )  # fmt: skip


def made(folder, name="de-es"):
    return [
        json.loads(line) for line in (folder / f"de-es.run/synthetic/{name}.jsonl").open(encoding="utf-8")
    ]


def test_from_both_texts_to_a_pair_pack(improve, both, crosslate, tiny, models, tmp_path):
    ran = improve(*both, "--save-config", tmp_path / "improve.yaml")
    assert ran.code == 0, ran.err
    packs = [tiny / "packs/de-en", tiny / "packs/fr-es"]
    steps = f"{models / 'en-fr'} and {packs[1]}"
    assert ran.lines[0] == f"60 synthetic pairs of 60 in train.de + train.en: en translated to es by {steps}"
    assert (
        ran.lines[1]
        == f"50 synthetic pairs of 50 in train.fr + train.es: fr translated to de by {models / 'fr-de'}"
    )
    assert ran.lines[2].startswith("pack de-es: ") and " composed), saved to " in ran.lines[2]
    pair = tmp_path / "de-es"
    command = " ".join(map(str, ("crosslate translate --pack", *packs, pair)))
    assert ran.lines[3:] == [f"next: {command} < in.de > out.es"]
    first, second = made(tmp_path, "source"), made(tmp_path, "target")
    assert made(tmp_path) == first + second
    assert [each["de"] for each in first] == list(toy_corpora.corpus("de", "en").source)
    assert [each["es"] for each in second] == list(toy_corpora.corpus("fr", "es", 50, seed=2).target)
    assert {each["synthetic"] for each in first} == {"es"}
    assert {each["synthetic"] for each in second} == {"de"}
    assert {each.name for each in (tmp_path / "de-es.run/synthetic").iterdir()} == {
        "de-es.jsonl", "de-es.jsonl.record.json", "source.json", "source.jsonl", "source.jsonl.record.json",
        "target.json", "target.jsonl", "target.jsonl.record.json",
    }  # fmt: skip
    manifest = Pack.load(pair).manifest
    assert manifest.packs and manifest.strategy == "pair+xattn+low-rank(enc,dec;rank=32)"
    assert len(manifest.training["start"]["scores"]) == 1
    record = manifest.data["train"]
    assert (record["pairs"], record["in_validation"]) == (108, 2)  # two have a side of the validation text
    assert [each["text"] for each in record["made"]["texts"]] == [
        "train.de + train.en", "train.fr + train.es",
    ]  # fmt: skip
    assert not manifest.data["valid"]["held_out"]
    shown = crosslate("pack", "show", pair)
    assert "trained on 108 synthetic pairs of de-es.jsonl" in " ".join(shown.out.split()), shown.err
    ran = crosslate("translate", "--pack", *packs, pair, "--engine", "pytorch", stdin=b"Hund\n")
    assert ran.code == 0 and len(ran.lines) == 1
    values = yaml.safe_load((tmp_path / "improve.yaml").read_text(encoding="utf-8"))
    assert values["target_text"]["through"] == [str(models / "fr-de")]
    ran = crosslate("compose", "improve", "--config", tmp_path / "improve.yaml", "--out", pair, "--force")
    assert ran.code == 0, ran.err


def test_the_target_pack_alone_translates_what_it_reads(improve, texts, tiny, models, tmp_path):
    """A round trip by the parent is no model of that pair, which is told before anything is done."""
    text = ("--source-text", *texts["de-fr"], "--source-text-lang", "fr")
    ran = improve(*text, "--source-round-trip", tiny / "parents/fr-en")
    assert ran.code == EXIT_USAGE and "fr-en translates fr to en, expected es to fr" in ran.err
    assert not (tmp_path / "de-es.run").exists()
    back = ("--source-round-trip", models / "es-fr", "--min-round-trip", 0)
    ran = improve(*text, *back)
    assert ran.code == 0, ran.err
    assert ran.lines[0].endswith(f"fr translated to es by {tiny / 'packs/fr-es'}")
    assert all("round_trip" in each for each in made(tmp_path))
    real = toy_corpora.write(toy_corpora.corpus("de", "es", 40, seed=3), tmp_path, "real")
    ran = improve(*text, *back, "--train", *real, "--synthetic-share", 0.2, "--force")
    assert ran.code == 0, ran.err
    record = Pack.load(tmp_path / "de-es").manifest.data
    assert record["train"]["pairs"] == 40 and "made" not in record["train"]
    assert (record["synthetic"]["pairs_per_epoch"], record["synthetic"]["human_side"]) == (10, "source")
    assert record["synthetic"]["made"]["texts"][0]["made"]["translator"]["languages"] == ["fr", "es"]


def test_a_bridge_is_trained_where_no_models_are_given(improve, texts, tiny, tmp_path, monkeypatch):
    """The parent translates French to English, and the child of the target pack learns to read that."""
    bridged = toy_corpora.write(toy_corpora.corpus("fr", "es", 520, seed=2), tmp_path)
    text = ("--source-text", *texts["de-en"], "--target-text", *bridged)
    monkeypatch.setattr("crosslate.training.progress.ConsoleProgress.update", lambda *_: interrupt())
    assert improve(*text).code == EXIT_INTERRUPTED  # in the training of the bridge
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "100")
    folder = tmp_path / "de-es.run/synthetic"
    (learnt,) = [json.loads(line) for line in (folder / "bridge/target.jsonl").open(encoding="utf-8")][:1]
    assert learnt["es"] == toy_corpora.corpus("fr", "es", 1, seed=2).target[0]
    assert (learnt.keys(), learnt["synthetic"]) == ({"en", "es", "synthetic"}, "en")
    assert not (folder / "bridge/en-es").exists() and not (folder / "source.jsonl").exists()
    ran = improve("--source-text", *texts["de-en"], "--target-text", *texts["fr-es"])
    assert ran.code == EXIT_INPUT and "synthetic text with other files (target text)" in ran.err
    ran = improve(*text)
    assert ran.code == 0, ran.err
    bridge = folder / "bridge/en-es"
    assert ran.lines[0].startswith("60 synthetic pairs of 60 in train.de + train.en: en translated to es by ")
    assert ran.lines[0].endswith(str(bridge)) and ran.lines[1].startswith("pack de-es: ")
    manifest = Pack.load(bridge).manifest
    assert (manifest.renewed, manifest.parent.source_language) == (("source",), "fr")
    assert {each["de"] for each in made(tmp_path)} == set(toy_corpora.corpus("de", "en").source)
    shutil.rmtree(folder / "bridge")  # what it has translated is enough
    ran = improve(*text, "--force", "--strategy", "pair+xattn")
    assert ran.code == 0 and not (folder / "bridge").exists(), ran.err


def test_a_bridge_with_too_little_text_or_a_round_trip(improve, texts, models, tiny, tmp_path):
    ran = improve("--source-text", *texts["de-en"], "--target-text", *texts["fr-es"])
    assert ran.code == EXIT_INPUT
    assert "the bridge from en to es has only 50 pairs of train.fr + train.es to learn from" in ran.err
    shutil.rmtree(tmp_path / "de-es.run")
    bridged = toy_corpora.write(toy_corpora.corpus("fr", "es", 520, seed=2), tmp_path)
    text = ("--source-text", *texts["de-en"], "--target-text", *bridged)
    ran = improve(*text, "--target-round-trip", tiny / "parents/fr-en")
    assert ran.code == EXIT_USAGE and "fr-en translates fr to en, expected en to fr" in ran.err
    ran = improve(*text, "--target-round-trip", models / "en-fr", "--min-round-trip", 100)
    assert ran.code == EXIT_INPUT and "no pair is left of 520 lines" in ran.err


def test_what_a_bridge_cannot_do_without(improve, texts, models, tiny, tmp_path, monkeypatch):
    """The parent that the packs name, and files that hold a child; for want of these, models can be named."""
    bridged = toy_corpora.write(toy_corpora.corpus("fr", "es", 520, seed=2), tmp_path)
    text = ("--source-text", *texts["de-en"], "--target-text", *bridged)
    packs = [tmp_path / "packs" / name for name in ("de-en", "fr-es")]
    for pack in packs:
        found = Pack.load(tiny / "packs" / pack.name)
        elsewhere = found.manifest.parent.changed(name="/nowhere/fr-en")
        found.manifest = found.manifest.changed(parent=elsewhere)
        found.save(pack)
    ran = improve(*text, packs=packs)
    assert ran.code == EXIT_REFUSED and "cannot load the parent /nowhere/fr-en of pack" in ran.err

    def refuse(*_, **__):
        raise ParentError("cannot save it")

    with monkeypatch.context() as patched:
        patched.setattr(Parent, "save", refuse)
        ran = improve(*text)
        assert ran.code == EXIT_REFUSED and "cannot save it" in ran.err
    ran = improve(*text[:3], "--source-through", models / "en-fr", tiny / "packs/fr-es")
    assert ran.code == 0, ran.err


def test_held_out_synthetic_text_is_named(improve, tmp_path):
    many = toy_corpora.write(toy_corpora.corpus("de", "fr", 520), tmp_path)
    text = ("--source-text", *many, "--source-text-lang", "fr")
    ran = improve(*text, "--set", "max_updates=1", valid=False)
    assert ran.code == 0, ran.err
    assert ran.lines[2].startswith("validated on 10 synthetic pairs that were held out")
    manifest = Pack.load(tmp_path / "de-es").manifest
    assert manifest.data["valid"]["held_out"] and manifest.scores[0].test_set == (
        "validation: de-es.jsonl (held out, synthetic)"
    )


def test_it_goes_on_where_it_was_stopped(improve, both, texts, tmp_path, monkeypatch):
    """Stopped in the second text, then in the training; nothing that was done is done again."""
    translate, calls = chain.Chain.translate_lines, []

    def counted(self, lines):
        calls.append(self.target_language)
        if calls == ["es", "de"]:
            raise KeyboardInterrupt
        return translate(self, lines)

    monkeypatch.setattr(chain.Chain, "translate_lines", counted)
    assert improve(*both).code == EXIT_INTERRUPTED
    assert not (tmp_path / "de-es").exists()
    ran = improve(*both, "--min-round-trip", 30)
    assert ran.code == EXIT_USAGE and "no models that translate back" in ran.err
    ran = improve(*both, "--no-repeat-ngram", 3)
    assert ran.code == EXIT_INPUT and "holds synthetic text with other decoding (source text)" in ran.err
    ran = improve("--source-text", *texts["de-fr"], "--source-text-lang", "fr")
    assert ran.code == EXIT_INPUT and "with other files, languages, models (source text)" in ran.err
    ran = improve(*both, "--train", tmp_path / "no.de", tmp_path / "no.es")
    assert ran.code == EXIT_INPUT and "no.de: no such file" in ran.err and calls == ["es", "de"]
    monkeypatch.setattr("crosslate.training.progress.ConsoleProgress.update", lambda *_: interrupt())
    assert improve(*both).code == EXIT_INTERRUPTED
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "100")
    assert list((tmp_path / "de-es.run").glob("checkpoint.*"))
    monkeypatch.setattr(chain.Chain, "translate_lines", counted)
    ran = improve(*both)
    assert ran.code == 0, ran.err
    assert calls == ["es", "de", "de"]
    assert '"resumed"' in (tmp_path / "de-es.run/log.jsonl").read_text(encoding="utf-8")
    assert len(made(tmp_path)) == Pack.load(tmp_path / "de-es").manifest.data["cleaning"]["total"] == 110


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ((), EXIT_USAGE, "no text is given to make pairs of; give sentence pairs of the source pack"),
        (("--source-text", "de-en"), EXIT_USAGE, "nothing is given that translates en, the other language"),
        (
            ("--source-text", "de-fr", "--source-through", "fr-es"),
            EXIT_USAGE,
            "fr-es translates fr, expected en",
        ),
        (
            ("--source-text", "de-en", "--source-through", "fr-en en-fr"),
            EXIT_USAGE,
            "fr-en translates fr, expected en, the language beside de in",
        ),
        (
            ("--source-text", "de-en", "--source-through", "en-fr"),
            EXIT_USAGE,
            "en-fr translates to fr, expected es, the target language of the pairs to make",
        ),
        (
            ("--target-text", "fr-es"),
            EXIT_USAGE,
            "but no models that translate it to the new source language",
        ),
        (
            ("--target-text", "fr-es", "--target-through", "fr-en"),
            EXIT_USAGE,
            "translates to en, expected de, the source language of the pairs to make",
        ),
        (
            ("--target-text", "fr-es", "--target-through", "en-fr"),
            EXIT_USAGE,
            "en-fr translates en, expected fr, the language beside es in",
        ),
        (
            ("--source-text", "de-fr", "--source-text-lang", "fr", "--target-text", "fr-es"),
            EXIT_USAGE,
            "text of the target pack is given, but no models that translate it",
        ),
        (
            ("--source-text", "de-fr", "--source-text-lang", "es", "--target-text", "fr-es"),
            EXIT_USAGE,
            "has es beside its new language, but the parent translates to en, so no bridge can be trained",
        ),
        (("--source-text", "-"), EXIT_USAGE, "is standard input, expected files, so that the run can resume"),
        (
            ("--source-text", "de-fr", "more", "--source-text-lang", "fr"),
            EXIT_USAGE,
            "3 files given for a corpus",
        ),
        (("--source-text-lang", "fr"), EXIT_USAGE, "given for a text of a pack, but no such text"),
        (
            ("--source-text", "nowhere", "--source-text-lang", "fr"),
            EXIT_INPUT,
            "nowhere.tsv: no such file",
        ),
        (
            ("--source-text", "de-fr", "--source-text-lang", "fr", "--strategy", "src+xattn"),
            EXIT_USAGE,
            "src+xattn learns a new vocabulary",
        ),
        (
            ("--source-text", "de-fr", "--source-text-lang", "fr", "--strategy", "pair+xattn[l9]"),
            EXIT_USAGE,
            "l9",
        ),
        (
            ("--source-text", "de-fr", "--source-text-lang", "fr", "--synthetic-share", 0.3),
            EXIT_USAGE,
            "a share of synthetic pairs is given, but no real pairs",
        ),
    ],
)
def test_what_cannot_be(improve, texts, tiny, models, tmp_path, more, code, message):
    """Said in one message, before anything is done."""
    named = {
        "fr-en": [tiny / "parents/fr-en"],
        "en-fr": [models / "en-fr"],
        "fr-en en-fr": [tiny / "parents/fr-en", models / "en-fr"],
        "nowhere": [tmp_path / "nowhere.tsv"],
    }
    option, options = "", []
    for each in more:
        if option == "--source-through" and each == "fr-es":
            options.append(tiny / "packs/fr-es")
        else:
            options += named.get(each) or texts.get(each) or [each]
        option = each
    ran = improve(*options)
    assert ran.code == code and message in ran.err, ran.err
    assert not (tmp_path / "de-es").exists() and not (tmp_path / "de-es.run").exists()


def test_packs_and_texts_that_do_not_fit(improve, texts, tiny, models, tmp_path):
    text = ("--source-text", *texts["de-fr"], "--source-text-lang", "fr")
    ran = improve(*text, packs=(tiny / "packs/fr-es", models / "fr-de"))
    assert ran.code == EXIT_REFUSED and "these packs do not compose" in ran.err
    ran = improve(*text, packs=(tiny / "packs/fr-es",))
    assert ran.code == EXIT_USAGE and "1 packs are given, expected two that compose" in ran.err
    ran = improve(*text, "--parent", tiny / "parents/other")
    assert ran.code == EXIT_REFUSED and "was made for another parent" in ran.err
    (tmp_path / "short.de").write_text("Hund\n", encoding="utf-8")
    ran = improve(*text, "--train", tmp_path / "short.de", texts["valid"][1])
    assert ran.code == EXIT_INPUT and "cannot read the texts" in ran.err and "short.de" in ran.err
    assert not (tmp_path / "de-es.run").exists()
    ran = improve(*text, valid=False)
    assert ran.code == EXIT_INPUT and "has only 60 pairs, too few to hold some out" in ran.err
    assert not (tmp_path / "de-es").exists()
