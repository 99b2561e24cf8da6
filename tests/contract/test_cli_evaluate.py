"""``crosslate evaluate``: every score with its signature and interval, lengths checked before anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tiny_models
import toy_corpora
from crosslate.errors import EXIT_INPUT, EXIT_USAGE
from crosslate.models.parent import Parent
from crosslate.packs.manifest import Manifest
from crosslate.packs.ways import SCORES_NAME, read_scores
from crosslate.text.phrasebook import Phrasebook

SOURCE = ["Hund sieht Katze.", "Haus ist groß.", "Kind isst.", "Mann schläft."]
REFERENCE = ["The dog sees the big cat.", "The house is very big now.", "The child eats and eats.", "The man sleeps all day."]  # fmt: skip
WORSE = ["A dog sees the cat.", "The house is now big.", "A child eats.", "The man sleeps all day."]
BLEU = "nrefs:1|bs:10000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:"
CHRF = "nrefs:1|bs:10000|seed:12345|case:mixed|eff:yes|nc:6|nw:0|space:no|version:"


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    texts = {
        "t.de": SOURCE,
        "t.en": REFERENCE,
        "good": REFERENCE,
        "worse": WORSE,
        "short": WORSE[:3],
        "blank": [""] * 4,
    }
    for name, lines in texts.items():
        Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


TEST = ("--test", "t.de", "t.en")


def test_perfect_translations_score_100_with_signatures(crosslate, files):
    ran = crosslate("evaluate", *TEST, "--hypotheses", "good")
    assert ran.code == 0, ran.err
    head, _, *table = [line.rstrip() for line in ran.lines]
    assert head == "4 sentences (t.de + t.en)"
    assert table[0].split() == ["system", "metric", "score", "95", "%", "interval"]
    assert table[1].split() == ["good", "BLEU", "100.00", "100.00", "to", "100.00"]
    assert table[2].split() == ["good", "chrF2", "100.00", "100.00", "to", "100.00"]
    assert table[4].startswith(f"BLEU signature: {BLEU}")
    assert table[5].startswith(f"chrF2 signature: {CHRF}")


def test_systems_are_compared_with_the_first(crosslate, files):
    ran = crosslate(
        "evaluate",
        *TEST,
        "--hypotheses",
        "good",
        "--compare",
        "worse",
        "--metric",
        "bleu",
        "--json",
        "scores",
    )
    assert ran.code == 0, ran.err
    first, second = json.loads(Path("scores").read_text())["scores"]
    assert (first["system"], first["value"], first["p_value"]) == ("good", 100.0, None)
    assert second["system"] == "worse" and 20 < second["value"] < 60
    assert 0 < second["p_value"] <= 1 and second["difference"] == second["value"] - 100.0
    low, high = second["difference_interval"]
    assert low < second["difference"] < high
    assert second["interval"][0] < second["value"] < second["interval"][1] + 1
    assert any(
        "p: of such a difference by chance (paired bootstrap, two-sided)" in line for line in ran.lines
    )


def test_a_pack_is_translated_and_its_translations_kept(crosslate, files, tiny):
    pack = tiny / "packs/de-en"
    ran = crosslate(
        "evaluate", "--pack", pack, *TEST, "--beam", 1, "--max-new-tokens", 5, "--samples", 0,
        "--save-translations", "out.en", "--json", "-",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)
    assert [(score["system"], score["metric"]) for score in record["scores"]] == [
        (str(pack), "BLEU"), (str(pack), "chrF2")
    ]  # fmt: skip
    assert record["scores"][0]["interval"] is None and "bs:" not in record["scores"][0]["signature"]
    assert (record["test"]["source_language"], record["test"]["target_language"]) == ("de", "en")
    assert (record["decoding"]["beam_size"], record["decoding"]["quantization"]) == (1, "float32")
    translated = crosslate("translate", "--pack", pack, "--beam", 1, "--max-new-tokens", 5, "-i", "t.de")
    assert Path("out.en").read_text(encoding="utf-8") == translated.out
    again = crosslate("evaluate", *TEST, "--hypotheses", "out.en", "--json", "-", "--samples", 0)
    assert [score["value"] for score in json.loads(again.out)["scores"]] == [
        score["value"] for score in record["scores"]
    ]


def test_the_correlation_of_confidence_with_the_sentences_scores(crosslate, files, tiny):
    pack = tiny / "packs/de-en"
    given = ("--pack", pack, *TEST, "--beam", 1, "--max-new-tokens", 5, "--samples", 0, "--confidence")
    ran = crosslate("evaluate", *given, "--compare", "good", "--samples", 10)
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.out.replace("\n", " ").split("signature: ") if "confidence" in line]
    assert f"confidence of {pack} and chrF of 4 sentences: Spearman " in line
    record = json.loads(crosslate("evaluate", *given, "--json", "-").out)
    (found,) = record["confidence"]
    assert (found["system"], found["sentences"]) == (str(pack), 4)
    assert -1 <= found["spearman"] <= 1 and -1 <= found["pearson"] <= 1
    assert "confidence" not in json.loads(crosslate("evaluate", *given[:-1], "--json", "-").out)
    refused = crosslate("evaluate", *TEST, "--hypotheses", "good", "--confidence")
    assert refused.code == EXIT_USAGE and "--confidence needs a model" in refused.err


def test_a_pack_compared_with_a_file(crosslate, files, tiny):
    ran = crosslate("evaluate", "--pack", tiny / "packs/de-en", *TEST, "--compare", "good", "--metric", "chrf",
                    "--beam", 1, "--max-new-tokens", 5, "--json", "-")  # fmt: skip
    first, second = json.loads(ran.out)["scores"]
    assert first["p_value"] is None and first["value"] < 60
    assert second["system"] == "good" and second["value"] == 100


@pytest.mark.parametrize("langs", [(), ("--langs", "de-zh"), ("--langs", "deu_Latn-zho_Hant")])
def test_the_tokenizer_follows_the_target_language(crosslate, files, langs):
    Path("t.zh").write_text(
        "狗看见那只大猫。\n房子很大。\n孩子在吃饭。\n男人睡了一整天。\n", encoding="utf-8"
    )
    Path("out.zh").write_text(
        "狗看见那只小猫。\n房子很小。\n孩子在吃饭。\n男人睡了一整天。\n", encoding="utf-8"
    )
    arguments = ("evaluate", "--test", "t.de", "t.zh", "--hypotheses", "out.zh", "--samples", "0")
    ran = crosslate(*arguments, *langs, "--metric", "bleu,chrf,chrf++")
    assert (ran.code, ran.err) == (0, "")
    bleu, *others = [line.split() for line in ran.lines[3:6]]
    assert bleu[1] == "BLEU" and 60 < float(bleu[2]) < 95
    assert [each[1] for each in others] == ["chrF2", "chrF2++"]
    assert "|tok:zh|" in ran.lines[7] and "|nw:0|" in ran.lines[8] and "|nw:2|" in ran.lines[9]
    ran = crosslate(*arguments, *langs, "--tokenizer", "char", "--json", "-")
    assert "|tok:char|" in json.loads(ran.out)["scores"][0]["signature"]


def test_swapped_files_are_refused_before_a_model_is_opened(crosslate, files, tiny):
    corpus = Phrasebook().corpora("de", "en", train=60, valid=6, test=4)[0]
    for name, lines in zip(("b.de", "b.en"), (corpus.source, corpus.target)):
        Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ran = crosslate("evaluate", "--pack", tiny / "packs/de-en", "--test", "b.en", "b.de")
    assert ran.code == 3 and ran.err.startswith(
        "crosslate: b.en + b.de: the sides are swapped: the source text"
    )
    langs = ("--langs", "de-en", "--hypotheses", "b.en", "--samples", 0)
    assert crosslate("evaluate", "--test", "b.en", "b.de", *langs).code == 3
    assert crosslate("evaluate", "--test", "b.de", "b.en", *langs).code == 0


def test_a_well_known_test_set_in_its_folder(crosslate, files):
    for language, lines in (("deu", SOURCE), ("eng", REFERENCE)):
        path = files / f"flores/devtest/{language}_Latn.devtest"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    test = "--testset", "flores+", "--test", "flores", "--hypotheses", "good", "--samples", 20
    ran = crosslate("evaluate", *test, "--langs", "de-en")
    assert ran.code == 0, ran.err
    assert ran.lines[0] == "de-en, 4 sentences (FLORES+ devtest, deu_Latn-eng_Latn)" and "100.00" in ran.out
    ran = crosslate("evaluate", *test)
    assert ran.code == 2 and "--testset flores+ needs to know the languages; give --langs" in ran.err
    ran = crosslate("evaluate", *test, "--langs", "de-en", "--test", "other")
    assert ran.code == 2 and "--test names 2 files, but --testset flores+ takes its folder" in ran.err
    ran = crosslate("evaluate", *test, "--langs", "fr-en")
    assert ran.code == 3 and "FLORES+ has no French (fr) here; it has deu_Latn, eng_Latn" in ran.err


def test_an_empty_reference_is_named_with_its_line(crosslate, files, caplog):
    Path("gap.en").write_text("The dog sees the big cat.\n\nThe child eats and eats.\nThe man.\n")
    ran = crosslate("evaluate", "--test", "t.de", "gap.en", "--hypotheses", "good", "--samples", "0")
    assert ran.code == 0 and len(ran.lines) > 5
    assert "t.de + gap.en: the reference is empty in line 2, " in caplog.text


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ((*TEST,), 2, "give --pack or --parent to translate the test text, or --hypotheses"),
        ((*TEST, "--hypotheses", "short", "none"), 3, "2 faults:\n  - short has 3 lines, but the test set (t.de + t.en) has 4;"),
        (("--test", "t.de", "short", "--hypotheses", "good"), 3, "t.de has 4 lines and short has 3"),
        ((*TEST, "--hypotheses", "good", "--metric", "bleu,ter"), 2, "unknown metric 'ter'"),
        ((*TEST, "--hypotheses", "good", "--tokenizer", "13"), 2, "--tokenizer is '13', expected 'auto', '13a', 'zh', 'char', 'intl', 'none', 'ja-mecab', 'ko-mecab', 'flores200', 'flores101', 'spm' or 'spBLEU-1K'; did you mean '13a'?"),
        (("--test", "t.de", "blank", "--hypotheses", "good"), 3, "t.de + blank: every reference is empty (line 1 to 4)"),
        ((*TEST, "--hypotheses", "good", "--samples", "-1"), 2, "--samples is -1, expected 0 or more"),
        ((*TEST, "--hypotheses", "good", "worse", "--samples", "0"), 2, "comparing systems needs at least 1"),
        ((*TEST, "--hypotheses", "good", "good"), 2, "good is given twice"),
        ((*TEST, "--hypotheses", "good", "--save-translations", "x"), 2, "--save-translations needs a model; give --pack or --parent"),
        ((*TEST, "--hypotheses", "good", "--langs", "german"), 2, "'german' is not a language pair"),
        ((*TEST, "--pack", "{packs}/de-en", "--compare", "{packs}/fr-es"), 3, "de-en is de-en, {packs}/fr-es is fr-es"),
    ],
)  # fmt: skip
def test_refusals(crosslate, files, tiny, arguments, code, expected):
    packs = tiny / "packs"
    ran = crosslate("evaluate", *(argument.format(packs=packs) for argument in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert expected.format(packs=packs) in ran.err
    assert not Path("x").exists()


def test_comet_is_refused_before_anything_is_read(crosslate, files, monkeypatch):
    monkeypatch.setattr("crosslate.evaluation.scores.find_spec", lambda name: None)
    ran = crosslate("evaluate", "--test", "nothing", "--hypotheses", "good", "--comet")
    assert ran.code == 2 and "pip install 'crosslate[comet]'" in ran.err


class TestRecording:
    @pytest.fixture
    def test(self, tmp_path):
        return toy_corpora.write(toy_corpora.corpus("de", "es", 4, seed=1), tmp_path, "test")

    def test_scores_of_models_are_recorded_with_what_they_are_made_of(self, crosslate, tiny, tmp_path, test):
        packs = [tiny / "packs/de-en", tiny / "packs/fr-es"]
        checksums = [Manifest.from_bytes((each / "pack.json").read_bytes()).checksum for each in packs]
        options = ("--test", *test, "--engine", "pytorch", "--beam", 1, "--samples", 0, "--record", tmp_path)
        ran = crosslate("evaluate", "--pack", *packs, *options)
        assert ran.code == 0 and f"recorded in {tmp_path / SCORES_NAME}" in ran.err, ran.err
        found = read_scores(tmp_path)
        assert [each.metric for each in found] == ["BLEU", "chrF2"]
        assert {each.way for each in found} == {(tuple(sorted(checksums)),)}
        assert {each.pair for each in found} == {("de", "es")}
        # German to English, by the parent of the other direction to French, and on to Spanish.
        back = tmp_path / "en-fr"
        Parent.create(
            tiny_models.vocabulary("en"), tiny_models.vocabulary("fr"), "en", "fr", tiny_models.SIZE
        ).save(back)
        ran = crosslate("evaluate", "--pack", packs[0], "--through", back, packs[1], *options)
        assert ran.code == 0, ran.err
        assert ran.lines[0].startswith("de-es, 4 sentences")
        (way,) = {each.way for each in read_scores(tmp_path)[2:]}
        assert way == ((checksums[0],), (Parent.load(back).fingerprint(),), (checksums[1],))

    def test_what_cannot_be_recorded_is_refused(self, crosslate, files, tiny):
        for option, value in (("--record", files), ("--through", tiny / "packs/fr-es")):
            ran = crosslate("evaluate", *TEST, "--hypotheses", "good", option, value)
            assert ran.code == EXIT_USAGE and f"{option} needs a model" in ran.err
        ran = crosslate("evaluate", *TEST, "--pack", tiny / "packs/de-en", "--record", files / "none")
        assert ran.code == EXIT_INPUT and "give the folder of the packs" in ran.err
        ran = crosslate("evaluate", *TEST, "--pack", tiny / "packs/de-en", "--through", tiny / "packs/fr-es")
        assert ran.code == EXIT_USAGE and "translates fr, expected en" in ran.err
