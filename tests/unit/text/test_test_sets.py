"""Well-known test sets from folders laid out as their makers and hubs lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosslate.errors import CorpusError, UsageError
from crosslate.text.test_sets import read_test_set

TEXTS = {
    "deu": ["Ein Hund.", "Zwei Katzen."],
    "eng": ["A dog.", "Two cats."],
    "por": ["Um cão.", "Dois gatos."],
}


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def records(lines: list[str]) -> list[dict[str, object]]:
    """In another order than their ids."""
    return [{"id": number, "text": line} for number, line in reversed(list(enumerate(lines)))]


def write_flores(folder: Path, layout: str) -> None:
    for code, lines in TEXTS.items():
        name = f"{code}_Latn"
        if layout == "flores-200":
            write(folder / f"devtest/{name}.devtest", lines)
            write(folder / f"dev/{name}.dev", [line.upper() for line in lines])
        elif layout == "flores+":
            write(folder / f"devtest/devtest.{name}", lines)
        elif layout == "jsonl":
            write(folder / f"devtest/{name}.jsonl", [json.dumps(each) for each in records(lines)])
        else:
            pyarrow = pytest.importorskip("pyarrow")
            from pyarrow import parquet

            (folder / "devtest").mkdir(parents=True, exist_ok=True)
            parquet.write_table(pyarrow.Table.from_pylist(records(lines)), folder / f"devtest/{name}.parquet")
    write(folder / "README.md", ["about"])


@pytest.mark.parametrize("layout", ["flores-200", "flores+", "jsonl", "parquet"])
def test_flores(tmp_path: Path, layout: str):
    write_flores(tmp_path, layout)
    corpus = read_test_set("flores+", tmp_path, "de", "en")
    assert list(corpus) == list(zip(TEXTS["deu"], TEXTS["eng"]))
    assert (corpus.languages, corpus.origin) == (("de", "en"), "FLORES+ devtest, deu_Latn-eng_Latn")
    assert read_test_set("flores+", tmp_path / "devtest", "pt", "de").source == tuple(TEXTS["por"])


def test_the_other_split_of_flores(tmp_path: Path):
    write_flores(tmp_path, "flores-200")
    corpus = read_test_set("flores+", tmp_path / "dev", "de", "en")
    assert corpus.source[0] == "EIN HUND." and corpus.origin.startswith("FLORES+ dev, ")


@pytest.mark.parametrize("inner", ["", "NTREX-128"])
def test_ntrex(tmp_path: Path, inner: str):
    write(tmp_path / inner / "newstest2019-src.eng.txt", TEXTS["eng"])
    write(tmp_path / inner / "newstest2019-ref.deu.txt", TEXTS["deu"])
    write(tmp_path / inner / "newstest2019-ref.eng-GB.txt", ["British", "British"])
    write(tmp_path / inner / "newstest2019-ref.por-BR.txt", TEXTS["por"])
    assert list(read_test_set("ntrex", tmp_path, "en", "de")) == list(zip(TEXTS["eng"], TEXTS["deu"]))
    corpus = read_test_set("ntrex", tmp_path, "pt", "de")
    assert corpus.source == tuple(TEXTS["por"]) and corpus.origin == "NTREX-128 por-BR-deu"


def test_wmt24(tmp_path: Path):
    rows = [
        {"domain": "canary", "source": "canary", "target": "canary", "is_bad_source": True},
        {
            "domain": "news",
            "source": "A dog.\n\nIt barks.",
            "target": "Ein Hund.\nEr bellt.",
            "is_bad_source": False,
        },
        {"domain": "news", "source": "bad", "target": "schlecht", "is_bad_source": True},
        {"domain": "social", "source": "Two cats.", "target": "Zwei Katzen.", "is_bad_source": False},
    ]
    write(tmp_path / "en-de_DE.jsonl", [json.dumps(each) for each in rows])
    corpus = read_test_set("wmt24++", tmp_path, "en", "de")
    assert list(corpus) == [("A dog. It barks.", "Ein Hund. Er bellt."), ("Two cats.", "Zwei Katzen.")]
    assert corpus.origin == "WMT24++ en-de_DE, 2 of 4 segments"
    corpus = read_test_set("wmt24++", tmp_path, "de", "en")
    assert corpus.source[1] == "Zwei Katzen." and corpus.origin.endswith(", the other way round")
    with pytest.raises(CorpusError, match="has pairs with English alone, but de-fr is asked for"):
        read_test_set("wmt24++", tmp_path, "de", "fr")
    with pytest.raises(CorpusError, match=r"has no French \(fr\) here; it has de_DE"):
        read_test_set("wmt24++", tmp_path, "en", "fr")


def test_refusals(tmp_path: Path):
    with pytest.raises(UsageError, match=r"unknown test set 'flores'; did you mean 'flores\+'"):
        read_test_set("flores", tmp_path, "de", "en")
    with pytest.raises(
        CorpusError, match=r"no such folder; expected NTREX-128 with newstest2019-src\.eng\.txt"
    ):
        read_test_set("ntrex", tmp_path / "none", "de", "en")
    for name in ("flores+", "ntrex", "wmt24++"):
        with pytest.raises(CorpusError, match=r"has no files of .*; expected "):
            read_test_set(name, tmp_path, "de", "en")
    write_flores(tmp_path, "flores-200")
    with pytest.raises(CorpusError, match=r"has no French \(fr\) here; it has deu_Latn, eng_Latn, por_Latn"):
        read_test_set("flores+", tmp_path, "fr", "en")
    write(tmp_path / "devtest/deu_Latn.devtest", ["Ein Hund."])
    with pytest.raises(CorpusError, match="1 and 2 sentences, expected as many of both"):
        read_test_set("flores+", tmp_path, "de", "en")
    write(tmp_path / "devtest/por_Latn.jsonl", ["{"])
    with pytest.raises(CorpusError, match=r"por_Latn\.jsonl, line 1: not JSON"):
        read_test_set("flores+", tmp_path, "pt", "en")
    write(tmp_path / "devtest/por_Latn.jsonl", ['{"id": 1}'])
    with pytest.raises(CorpusError, match="record 1: expected an object with id and text"):
        read_test_set("flores+", tmp_path, "pt", "en")
