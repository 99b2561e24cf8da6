"""``crosslate parent trim`` and ``crosslate adapt --vocabulary appended`` on a parent of many languages."""

from __future__ import annotations

import json
import re

import pytest

import families
import hub_folders
import parents
from crosslate.errors import OutOfMemory
from crosslate.packs.pack import Pack

LINES = [line for line in hub_folders.lines() if len(line) < 45][:40]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("multilingual")
    with families.one_thread():
        hub_folders.write("nllb", root / "nllb")
        hub_folders.write("plbart", root / "plbart")
    for name, lines in (("one.txt", LINES[:20]), ("two.txt", LINES[20:])):
        (root / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    words = " ".join(parents.TEXT).split()
    pairs = [(f"{one} {other} qqww", f"the {one} {other}") for one in words[:12] for other in words]
    for side, name in enumerate(("train.kab", "train.en")):
        (root / name).write_text("".join(f"{pair[side]}\n" for pair in pairs), encoding="utf-8")
    return root


class TestTrim:
    def test_several_files_and_the_account(self, crosslate, folder, tmp_path):
        ran = crosslate(
            "parent", "trim", "--parent", folder / "nllb", "--parent-langs", "fr-en",
            "--text", folder / "one.txt", folder / "two.txt", "--out", tmp_path / "small",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        first, second = ran.lines
        counts = re.fullmatch(
            r"rows: (\d+) before, (\d+) after; parameters in float16: ([\d.]+) MB before, ([\d.]+) MB after",
            first,
        )
        assert counts is not None and int(counts[2]) < int(counts[1])
        assert re.fullmatch(
            rf"compared on \d+ of 40 lines: the same logits; saved to {tmp_path}/small", second
        )
        assert "Crosslate's format" not in ran.err
        record = json.loads((tmp_path / "small" / "crosslate.json").read_text())
        assert record["trimmed"]["parent"] == str(folder / "nllb") and record["trimmed"]["lines"] == 40
        again = crosslate("parent", "show", tmp_path / "small")
        assert again.code == 0 and record["fingerprint"] in again.out

    def test_what_no_tokenizer_holds_is_said(self, crosslate, folder, tmp_path):
        ran = crosslate(
            "parent", "trim", "--parent", folder / "plbart", "--parent-langs", "art_python-en",
            "--text", folder / "one.txt", "--out", tmp_path / "small",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        assert "in Crosslate's format, which AutoTokenizer cannot read" in ran.err

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            (["--min-count", "0"], 2, "--min-count is 0, expected 1 or more"),
            (["--text", "missing.txt"], 3, "missing.txt"),
        ],
    )
    def test_calls_that_cannot_work(self, crosslate, folder, tmp_path, options, code, message):
        ran = crosslate(
            "parent", "trim", "--parent", folder / "nllb", "--parent-langs", "fr-en",
            "--text", folder / "one.txt", "--out", tmp_path / "small", *options,
        )  # fmt: skip
        assert ran.code == code and message in ran.err
        assert list(tmp_path.iterdir()) == []


def test_a_language_is_appended(crosslate, folder, tmp_path, caplog):
    ran = crosslate(
        "adapt", "--parent", folder / "nllb", "--parent-langs", "fr-en", "--new-source", "kab",
        "--code", "kab_Latn", "--related", "fr", "--vocabulary", "appended", "--vocab-size", "64",
        "--train", folder / "train.kab", folder / "train.en", "--out", tmp_path / "kab-en",
        "--valid", folder / "train.kab", folder / "train.en", "--updates", "2", "--precision", "fp32", "--no-cleaning",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "the new source vocabulary has 64 pieces" in caplog.text
    assert "one of them its code kab_Latn" in caplog.text
    pack = Pack.load(tmp_path / "kab-en")
    manifest = pack.manifest
    assert manifest.training["vocabulary"] == "appended"
    assert manifest.training["initial_embeddings"]["method"] == "random"
    vocabulary = pack.vocabularies["source"]
    assert vocabulary.pieces[vocabulary.encode("qq")[0]] == "kab_Latn"
    (tmp_path / "in.txt").write_text("qq ww\n", encoding="utf-8")
    translated = crosslate(
        "translate", "--pack", tmp_path / "kab-en", "--parent", folder / "nllb", "-i", tmp_path / "in.txt",
        "--engine", "pytorch", "--max-new-tokens", "8",
    )  # fmt: skip
    assert translated.code == 0, translated.err
    assert len(translated.lines) == 1


def test_languages_that_are_not_named_are_asked_for_by_their_option(crosslate, folder, tmp_path):
    for command in (["translate", "--parent"], ["parent", "show"], ["plan", "--parent"]):
        ran = crosslate(*command, folder / "nllb", stdin=b"le chat\n")
        assert ran.code == 4
        assert "does not say which languages it translates; give both language codes" in ran.err
        assert ran.err.endswith("; with --parent-langs, as in --parent-langs fr-en\n")


def test_too_little_memory_names_the_options_that_need_less(crosslate, folder, tmp_path, monkeypatch):
    def run(job, progress):
        raise OutOfMemory("the memory of cuda does not suffice")

    monkeypatch.setattr("crosslate.adaptation.jobs.AdaptJob.run", run)
    ran = crosslate(
        "adapt",
        "--parent",
        folder / "nllb",
        "--new-source",
        "de",
        "--train",
        "a",
        "b",
        "--out",
        tmp_path / "pack",
    )
    assert "suffice; with --batch-tokens, --frozen-dtype bfloat16 or --gradient-checkpointing" in ran.err
