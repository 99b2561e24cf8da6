"""``crosslate translate --glossary``: lines and documents, and files that are refused."""

from __future__ import annotations

import pytest

SHORT = ("--beam", "2", "--max-new-tokens", "8")
TBX = (
    '<tbx type="TBX-Basic" style="dca" xml:lang="de" xmlns="urn:iso:std:iso:30042:ed-2"><text><body><conceptEntry>'
    '<langSec xml:lang="de"><termSec><term>Katze</term></termSec></langSec>'
    '<langSec xml:lang="en"><termSec><term>red</term></termSec></langSec></conceptEntry></body></text></tbx>'
)


@pytest.fixture
def run(crosslate, tiny, caplog):
    caplog.set_level("INFO", "crosslate")

    def translate(*options, text=b"", engine="ctranslate2"):
        pack = tiny / "packs" / "de-en"
        return crosslate("translate", "--pack", pack, "--engine", engine, *SHORT, *options, stdin=text)

    return translate


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.tsv"
    path.write_text("de\ten\nHund\tgreen man\nBuch\thouse\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("engine", ["ctranslate2", "pytorch"])
def test_lines(run, terms, tmp_path, caplog, engine):
    tbx = tmp_path / "more.tbx"
    tbx.write_text(TBX, encoding="utf-8")
    text = "Hund sieht Katze\n\n  \nKind\nHund\u2028Buch\n😀\n".encode()
    ran = run("--glossary", terms, tbx, text=text, engine=engine)
    assert ran.code == 0, ran.err
    assert len(ran.lines) == 6 and ran.lines[1:3] == ["", ""] and ran.lines[5] == "😀"
    assert "green man" in ran.lines[0].lower() and "red" in ran.lines[0]
    assert "green man" in ran.lines[4].lower() and "house" in ran.lines[4].lower()
    assert "glossary: 4 of 4 terms used" in caplog.messages


def test_of_several_files_the_last_one_counts(run, terms, tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("Buch\tcat\n", encoding="utf-8")
    ran = run("--glossary", terms, other, text=b"Buch\n")
    assert "cat" in ran.lines[0].lower() and "house" not in ran.lines[0].lower()


def test_a_document_keeps_its_tags_and_uses_terms(run, terms, caplog):
    ran = run("--glossary", terms, "--format", "html", text=b"<p>Der <b>Hund</b>.</p><p id=x>Buch</p>")
    assert ran.code == 0, ran.err
    assert ran.out.count("<p") == 2 and ran.out.count("<b>") == 1
    assert "house" in ran.out.lower()
    assert "glossary: 2 of 2 terms used" in caplog.messages


def test_n_best(run, terms):
    ran = run("--glossary", terms, "--n-best", 2, text=b"Buch\nKind\n")
    assert [len(line.split("\t")) for line in ran.lines] == [4, 4]
    assert "house" in ran.lines[0].split("\t")[0].lower()


def test_missing_terms_are_reported(run, tmp_path, caplog):
    path = tmp_path / "terms.tsv"
    path.write_text("Hund\t犬\n", encoding="utf-8")
    ran = run("--glossary", path, text=b"Hund\n")
    assert (ran.code, len(ran.lines)) == (0, 1)
    assert "glossary: 0 of 1 terms used; missing: Hund → 犬" in caplog.messages


def test_refusals_before_anything_is_written(run, terms, tmp_path):
    bad, out = tmp_path / "bad.tsv", tmp_path / "out.en"
    bad.write_text("Hund\n\tdog\n", encoding="utf-8")
    ran = run("--glossary", bad, tmp_path / "none.tbx", "-o", out, text=b"Hund\n")
    assert ran.code != 0 and not out.exists()
    for part in (
        "bad.tsv, line 1: has 1 column(s)",
        "bad.tsv, line 2: the source term",
        "none.tbx: no such file",
    ):
        assert part in ran.err
    ran = run("--glossary", terms, "--on", "ray", "-i", bad, "-o", out)
    assert "--glossary cannot go with --on ray" in ran.err
