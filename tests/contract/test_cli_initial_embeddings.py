"""``crosslate adapt``: where new embeddings start, and the refusals."""

import pytest

import toy_corpora


@pytest.fixture
def text(tmp_path):
    files = toy_corpora.write(toy_corpora.corpus("de", "en"), tmp_path)
    dictionary = tmp_path / "de-fr.txt"
    dictionary.write_text("hund chien\nkatze chat\n", encoding="utf-8")
    return [str(file) for file in files], dictionary


def arguments(tiny, files, out, *more):
    return ("adapt", "--parent", tiny / "parents" / "fr-en", "--new-source", "de", "--train", *files, "--valid",
            *files, "--out", out, "--vocab-size", 80, "--updates", 2, "--precision", "fp32", *more)  # fmt: skip


def test_embeddings_start_from_a_dictionary(crosslate, tiny, text, tmp_path):
    files, dictionary = text
    out = tmp_path / "pack"
    ran = crosslate(
        *arguments(tiny, files, out, "--initial-embeddings", "dictionary", "--dictionary", dictionary)
    )
    assert ran.code == 0, ran.err
    assert '"method": "dictionary"' in (out / "pack.json").read_text(encoding="utf-8")


def test_embeddings_start_from_an_alignment_of_the_text(crosslate, tiny, text, tmp_path):
    ran = crosslate(*arguments(tiny, text[0], tmp_path / "pack", "--initial-embeddings", "aligned"))
    assert ran.code == 0, ran.err
    assert '"method": "aligned"' in (tmp_path / "pack" / "pack.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "method"),
    [((), "mean"), (("--strategy", "scratch"), "random"), (("--preset", "paper"), "random")],
)
def test_where_embeddings_start_when_nothing_is_said(crosslate, tiny, text, tmp_path, more, method):
    ran = crosslate(*arguments(tiny, text[0], tmp_path / "pack", *more))
    assert ran.code == 0, ran.err
    assert f'"method": "{method}"' in (tmp_path / "pack" / "pack.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--initial-embeddings", "median"), "--initial-embeddings is 'median'; did you mean 'mean'?"),
        (("--initial-embeddings", "dictionary"), "--dictionary names 0 files, expected 1"),
        (("--dictionary", "de-fr.txt"), "--dictionary names 1 files, expected 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(crosslate, tiny, tmp_path, more, message):
    ran = crosslate(*arguments(tiny, ["no.de", "no.en"], tmp_path / "pack", *more))
    assert ran.code == 2
    assert message in ran.err
