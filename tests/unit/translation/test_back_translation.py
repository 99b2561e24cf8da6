"""Synthetic pairs: every line written or dropped for a counted reason, in the child's direction, resumable."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from crosslate.errors import InputError, UsageError
from crosslate.packs.stored_model import StoredModel
from crosslate.text.cleaning import CleaningReport
from crosslate.text.corpora import TextFiles
from crosslate.text.synthetic import SyntheticText, record_path
from crosslate.translation.back_translation import BackTranslationSettings, Beside, back_translate
from crosslate.translation.translator import Translator

TEXT = {
    "dog sees cat.": "Hund sieht Katze.",
    "": "",
    "Anna": "Anna",
    "red house": "  ",
    "a small dog eats.": "ein " * 40,
    "one man sleeps.\u2028": "ein Mann schläft.",
    "woman and child": "Auto",
    "dog": "Hund",
}
DROPPED = ["", "empty", "copy", "empty", "length ratio", "", "round trip", ""]
BACK = {
    "Hund sieht Katze.": "dog sees cat.",
    "ein Mann schläft.": "man sleeps.",
    "Auto": "xyz",
    "Hund": "dog",
}


class Words:
    """A translator by a list; it counts its calls and may die at one of them."""

    def __init__(self, table: dict[str, str], languages: tuple[str, str], dies_at: int = 0) -> None:
        self.table, self.calls, self.dies_at = table, 0, dies_at
        self.source_language, self.target_language = languages

    def translate_lines(self, lines: Any) -> list[str]:
        self.calls += 1
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        return [self.table[line] for line in lines]


class Stored:
    """A model on disk that :class:`Words` stands for."""

    signal = ""

    def __init__(self, words: Words, key: str = "k") -> None:
        self.words, self._key, self.name = words, key, f"model {key}"
        self.source_language, self.target_language = words.source_language, words.target_language

    def key(self) -> str:
        return self._key


@pytest.fixture(autouse=True)
def _opened(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "tiny" not in request.fixturenames:
        monkeypatch.setattr(Translator, "of_stored", lambda stored, **_: stored.words)


def there(dies_at: int = 0, key: str = "k") -> Any:
    return Stored(Words(TEXT, ("en", "de"), dies_at), key)


def run(folder: Path, model: Any, **settings: Any) -> CleaningReport:
    """In shards of three lines, with a round trip."""
    text = folder / "mono.en.gz"
    if not text.exists():
        text.write_bytes(gzip.compress("".join(f"{line}\n" for line in TEXT).encode()))
    back: Any = Stored(Words(BACK, ("de", "en")), "back")
    made = BackTranslationSettings(**{"shard_lines": 3, **settings})
    return back_translate(model, [text], folder / "made.jsonl", back=back, settings=made)


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "made.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_every_line_is_written_or_dropped_for_a_reason(tmp_path: Path):
    counts = run(tmp_path, there())
    assert (counts.total, counts.kept) == (8, 3)
    found = {rule: each.dropped for rule, each in counts.rules.items() if each.dropped}
    assert found == {"empty": 2, "copy": 1, "length ratio": 1, "round trip": 1}
    example = counts.rules["round trip"].example
    assert example and (example.line, example.source, example.target) == (7, "Auto", "woman and child")
    expected = [pair for pair, rule in zip(TEXT.items(), DROPPED) if not rule]
    assert [(each["en"], each["de"]) for each in lines(tmp_path)] == expected
    assert all(list(each) == ["de", "en", "synthetic", "round_trip"] for each in lines(tmp_path))
    assert {each["synthetic"] for each in lines(tmp_path)} == {"de"}
    scores = [each["round_trip"] for each in lines(tmp_path)]
    assert scores[0] == scores[2] == 100.0 and 60 < scores[1] < 90
    assert {path.name for path in tmp_path.iterdir()} == {
        "mono.en.gz",
        "made.jsonl",
        "made.jsonl.record.json",
    }


def test_the_pairs_are_read_as_a_corpus_with_their_record(tmp_path: Path):
    run(tmp_path, there())
    made = SyntheticText.read([tmp_path / "made.jsonl"], ("de", "en"), share=0.5)
    assert [target for _, target in made.corpus] == ["dog sees cat.", "one man sleeps.\u2028", "dog"]
    assert made.human_side == "target"
    assert made.record["translator"] == {"name": "model k", "key": "k", "languages": ["en", "de"]}
    assert made.record["round_trip"]["key"] == "back" and made.record["decoding"]["beam_size"] == 5
    assert made.record["text"]["files"] == ["mono.en.gz"] and made.record["text"]["lines"] == 8
    assert made.record["cleaning"]["kept"] == 3
    other_way = SyntheticText.read([tmp_path / "made.jsonl"], ("en", "deu"), share=0.5)
    assert other_way.human_side == "source"


def test_a_record_of_another_file_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run(tmp_path, there())
    path = tmp_path / "made.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"de": "neu", "en": "new"}\n', encoding="utf-8")
    made = SyntheticText.read([path], ("de", "en"), share=0.5)
    assert made.record == {} and made.human_side is None and len(list(made.corpus)) == 4
    assert "made.jsonl.record.json describes another file" in caplog.text
    record_path(path).unlink()
    caplog.clear()
    assert SyntheticText.read([path], ("de", "en"), share=0.5).human_side is None and not caplog.text


def test_text_of_the_source_side_gives_pairs_for_distillation(tmp_path: Path):
    run(tmp_path, there(), side="source")
    assert list(lines(tmp_path)[0].items())[:3] == [
        ("en", "dog sees cat."), ("de", "Hund sieht Katze."), ("synthetic", "de"),
    ]  # fmt: skip
    assert SyntheticText.read([tmp_path / "made.jsonl"], ("en", "de"), share=0.5).human_side == "source"


def test_a_stopped_run_goes_on_and_writes_the_same(tmp_path: Path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    run(tmp_path / "whole", there())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", there(dies_at=2))
    assert not (tmp_path / "cut" / "made.jsonl").exists()
    for model, settings, differing in [
        (there(key="other"), {}, "translator"),
        (there(), {"side": "source", "min_round_trip": 1.0}, "side, min_round_trip"),
    ]:
        with pytest.raises(InputError, match=f"a run with other {differing};"):
            run(tmp_path / "cut", model, **settings)
    again = there()
    counts = run(tmp_path / "cut", again)
    assert again.words.calls == 2  # the first shard of three was done
    assert counts.total == 8
    for name in ("made.jsonl", "made.jsonl.record.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(InputError, match="already exists"):
        run(tmp_path / "cut", there())


def test_without_a_round_trip_and_without_cleaning_every_line_is_kept(tmp_path: Path):
    text = tmp_path / "mono.en"
    text.write_text("".join(f"{line}\n" for line in TEXT), encoding="utf-8")
    settings = BackTranslationSettings.from_values({"cleaning": {"enabled": False}})
    counts = back_translate(there(), [text, text], tmp_path / "made.jsonl", settings=settings)
    assert (counts.total, counts.kept) == (16, 16)
    assert [each["en"] for each in lines(tmp_path)] == [*TEXT, *TEXT]
    assert "round_trip" not in lines(tmp_path)[0]


def test_what_cannot_be(tmp_path: Path):
    text = tmp_path / "mono.en"
    text.write_text("Anna\n", encoding="utf-8")
    same: Any = Stored(Words(TEXT, ("en", "en-GB")))
    for model, output, back, error, message in [
        (there(), "made.tsv", None, UsageError, "made.tsv, expected a name that ends in .jsonl"),
        (
            same,
            "made.jsonl",
            None,
            UsageError,
            "model k translates to en-GB, the language of the text; expected",
        ),
        (there(), "made.jsonl", there(), UsageError, "translates en to de, expected de to en"),
        (there(), "made.jsonl", None, InputError, "no pair is left of 1 lines: dropped by rule 'copy': 1"),
    ]:
        with pytest.raises(error, match=message):
            back_translate(model, [text], tmp_path / output, back=back)
        assert not (tmp_path / output).exists() and not record_path(tmp_path / output).exists()


def test_the_pairs_are_what_the_model_translates(tiny: Path, tmp_path: Path):
    model = StoredModel([tiny / "packs" / "de-en"], tiny / "parents" / "fr-en")
    texts = ["Hund sieht Katze.", "Haus rot", "Kind schläft."]
    (tmp_path / "mono.de").write_text("".join(f"{line}\n" for line in texts), encoding="utf-8")
    back_translate(model, [tmp_path / "mono.de"], tmp_path / "made.jsonl",
                   settings=BackTranslationSettings.from_values({"cleaning": {"enabled": False}}))  # fmt: skip
    expected = Translator.of_stored(model).translate(texts)
    assert list(TextFiles([tmp_path / "made.jsonl"], "en", "de")) == list(zip(expected, texts))


BESIDE = {"perro ve gato": "dog sees cat.", "": "dog", "perro": "dog", "chien": "dog"}
ON = {"Hund sieht Katze.": "chien voit chat.", "Hund": "chien"}


class TestPivoting:
    """English is translated to German and on to French; the pairs hold Spanish, which people wrote."""

    def run(self, folder: Path, dies_at: int = 0, **settings: Any) -> CleaningReport:
        (folder / "text.en").write_text("".join(f"{line}\n" for line in BESIDE.values()))
        (folder / "text.es").write_text("".join(f"{line}\n" for line in BESIDE))
        on: Any = Stored(Words(ON, ("de", "fr"), dies_at), "on")
        made = BackTranslationSettings(shard_lines=2, **settings)
        beside = Beside("es", [folder / "text.es"])
        return back_translate(
            there(), [folder / "text.en"], folder / "made.jsonl", through=[on], beside=beside, settings=made
        )

    @pytest.mark.parametrize("side", ["source", "target"])
    def test_pairs_of_a_third_language_and_the_last_one(self, tmp_path: Path, side: str):
        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path, dies_at=2, side=side)
        counts = self.run(tmp_path, side=side)
        assert (counts.total, counts.kept) == (4, 2)
        assert {rule: each.dropped for rule, each in counts.rules.items() if each.dropped} == {
            "empty": 1,
            "copy": 1,
        }
        pairs = [("perro ve gato", "chien voit chat."), ("perro", "chien")]
        assert [(each["es"], each["fr"]) for each in lines(tmp_path)] == pairs
        order = ["es", "fr"] if side == "source" else ["fr", "es"]
        assert all(
            list(each) == [*order, "synthetic"] and each["synthetic"] == "fr" for each in lines(tmp_path)
        )
        record = json.loads(record_path(tmp_path / "made.jsonl").read_text(encoding="utf-8"))
        assert record["human_language"] == "es" and record["beside"] == ["text.es"]
        assert [each["languages"] for each in record["through"]] == [["de", "fr"]]

    def test_a_stopped_run_with_other_text_beside_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path, dies_at=2)
        monkeypatch.setitem(globals(), "BESIDE", {f"{key}!": value for key, value in BESIDE.items()})
        with pytest.raises(InputError, match="a run with other beside"):
            self.run(tmp_path)

    def test_what_cannot_be(self, tmp_path: Path):
        (tmp_path / "text.en").write_text("dog\n")
        (tmp_path / "text.es").write_text("perro\ngato\n")
        on: Any = Stored(Words({}, ("it", "fr")), "on")
        text, out, beside = (
            [tmp_path / "text.en"],
            tmp_path / "made.jsonl",
            Beside("es", [tmp_path / "text.es"]),
        )
        with pytest.raises(
            UsageError, match="model on translates it, expected de, which model k translates to"
        ):
            back_translate(there(), text, out, through=[on])
        with pytest.raises(UsageError, match="translates to de, the language of the text"):
            back_translate(there(), text, out, beside=Beside("de", beside.files))
        home: Any = Stored(Words({}, ("de", "en")), "home")
        with pytest.raises(UsageError, match="translates to en, the language of the text"):
            back_translate(there(), text, out, through=[home], beside=beside)
        with pytest.raises(InputError, match="has 2 lines, expected 1, one for each"):
            back_translate(there(), text, out, beside=beside)
