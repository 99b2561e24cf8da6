"""Lists of recordings or images with their sentences."""

import json
from pathlib import Path

import pytest

from crosslate.errors import CorpusError, UsageError
from crosslate.signals.corpora import SignalCorpus, read_signals


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def read(*paths):
    return read_signals(paths, "en", "eo")


def pairs(corpus):
    return [(Path(file).name, sentence) for file, sentence in corpus]


EXPECTED = [("a.wav", "Saluton."), ("b.wav", "Dankon.")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.tsv", "a.wav\tSaluton.\nb.wav\tDankon.\n"),
        ("list.tsv", "file\ten\teo\na.wav\tHello.\tSaluton.\nb.wav\tThanks.\tDankon.\n"),
        ("list.tsv", "client_id\tpath\tsentence\n1\ta.wav\tSaluton.\n2\tb.wav\tDankon.\n"),
        ("list.csv", 'file_name,transcription\na.wav,"Saluton."\nb.wav,Dankon.\n'),
        ("list.jsonl", '{"audio": "a.wav", "eo": "Saluton."}\n\n{"audio": "b.wav", "eo": "Dankon."}\n'),
    ],
)
def test_a_table_names_a_file_and_a_sentence_in_each_row(folder, name, text):
    (folder / name).write_text(text)
    corpus = read(folder / name)
    assert pairs(corpus) == EXPECTED
    assert isinstance(corpus, SignalCorpus) and corpus.languages == ("en", "eo") and corpus.origin == name
    assert all(Path(file).is_absolute() for file in corpus.source)


def test_a_data_set_is_a_folder_with_a_table(folder):
    (folder / "clips").mkdir()
    (folder / "a.wav").rename(folder / "clips" / "a.wav")  # as in Common Voice
    (folder / "metadata.tsv").write_text("a.wav\tSaluton.\nb.wav\tDankon.\n")
    assert pairs(read(folder)) == EXPECTED


def test_two_lists_name_files_and_sentences(folder):
    (folder / "files.txt").write_text("a.wav\nb.wav\n")
    (folder / "text.eo").write_text("Saluton.\nDankon.\n")
    assert pairs(read(folder / "files.txt", folder / "text.eo")) == EXPECTED
    (folder / "text.eo").write_text("Saluton.\n")
    with pytest.raises(CorpusError, match="2 files and 1 sentences; expected as many"):
        read(folder / "files.txt", folder / "text.eo")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("list.tsv", "a.wav\tSaluton.\nc.wav\tJes.\n", r"list.tsv, line 2: names 'c.wav', which is not in"),
        ("list.tsv", "a.wav\n", r"line 1: has 1 column\(s\), expected 2: a file and a sentence"),
        ("list.tsv", "file\teo\na.wav\tx\ty\n", r"line 2: has 3 column\(s\), expected 2"),
        ("list.jsonl", "{}\n", "line 1: has no keys, expected a file and a text"),
        ("list.jsonl", "{\n", "line 1: is no JSON"),
        ("list.tsv", "file\teo\n", "names no files"),
        ("list.wav", "x", r"the ending '.wav' does not tell the format of a list"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(folder, name, text, reason):
    (folder / name).write_text(text)
    with pytest.raises(CorpusError, match=reason):
        read(folder / name)


def test_other_places_are_refused(folder):
    with pytest.raises(CorpusError, match=r"has no table of its files; expected metadata.tsv"):
        read(folder)
    with pytest.raises(CorpusError, match="no such file"):
        read(folder / "none.tsv")
    with pytest.raises(UsageError, match="3 files given"):
        read("a", "b", "c")


def test_the_content_is_that_of_the_files_not_their_names(folder):
    (folder / "list.tsv").write_text("a.wav\tSaluton.\nb.wav\tDankon.\n")
    before = read(folder / "list.tsv")
    wanted = before.content_hash
    (folder / "a.wav").rename(folder / "c.wav")
    (folder / "list.jsonl").write_text(
        "".join(
            json.dumps({"file": name, "eo": text}) + "\n"
            for name, text in zip(("c.wav", "b.wav"), before.target)
        )
    )
    assert read(folder / "list.jsonl").content_hash == wanted
    (folder / "c.wav").write_bytes(b"other")
    assert read(folder / "list.jsonl").content_hash != wanted


def test_parts_of_a_corpus_are_of_the_same_kind(folder):
    (folder / "list.tsv").write_text("a.wav\tSaluton.\nb.wav\tDankon.\n")
    for part in read(folder / "list.tsv").split([1]):
        assert isinstance(part, SignalCorpus) and len(part) == 1
