import csv
import io

import pytest

from crosslate.documents import open_document, open_text
from crosslate.errors import InputError, UsageError
from toy_documents import texts, through

CSV = (
    'key,en,de,note\r\na.b,Hello there,,Not this\r\nc,"Say ""hi"", {name}","",x\r\nd,Done,Fertig,y\r\n'
    'e,"Two\r\nlines"\r\nf,,,\r\n\r\ng,"A text",  ,z\r\nh,5,,"q"'
)


def test_empty_cells_of_the_language_are_filled():
    assert texts(open_text(CSV, "csv", "en", "de")) == ["Hello there", 'Say "hi",', "Two", "lines", "A text"]
    expected = CSV.replace("Hello there,,", "Hello there,HELLO THERE,").replace(
        ',"",x', ',"SAY ""HI"", {name}",x'
    )
    expected = expected.replace('lines"\r\n', 'lines","TWO\r\nLINES"\r\n').replace(
        'text",  ,z', 'text","A TEXT",z'
    )
    assert through(CSV, "csv", target="de") == expected.replace('5,,"q"', '5,5,"q"')
    filled = through(CSV, "csv", target="de")
    assert texts(open_text(filled, "csv", "en", "de")) == [] and through(filled, "csv", target="de") == filled


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("English;German", ("en", "de")), ("en_US;de-DE", ("en", "de")), ("Source;Target", ("en", "de")), ('"zh-CN";"zh-TW"', ("zh-Hans", "zh-Hant")),
        ("en\tpt-BR", ("en", "pt-BR")), ("en;pt-PT;pt-BR", ("en", "pt-BR")),
    ],
)  # fmt: skip
def test_columns_are_named_by_languages(header, languages):
    separator = "\t" if "\t" in header else ";"
    empty = separator * (header.count(separator) - 1)
    result = through(f"{header}\nHello, you\n", "csv", language=languages[0], target=languages[1])
    assert result == f"{header}\nHello, you{separator}{empty}HELLO, YOU\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("translation", ['a "b", c', '"a"', "a; b", "مرحبا، بك", "สวัสดี", "a\tb", "=1+1"])
def test_a_translation_stays_in_its_cell(separator, translation):
    text = f"en{separator}de{separator}x\nHello{separator}{separator}y\n"
    result = through(text, "csv", lambda _: translation, target="de")
    rows = list(csv.reader(io.StringIO(result, newline=""), delimiter=separator))
    assert rows == [["en", "de", "x"], ["Hello", translation, "y"]]


def test_quotes_are_text_between_tabs():
    text = 'en\tde\n"Hello" there\t\n"A 5" screen\n'
    assert (
        through(text, "csv", target="de")
        == 'en\tde\n"Hello" there\t"""HELLO"" THERE"\n"A 5" screen\t"""A 5"" SCREEN"\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nc,d\n", "names the columns 'a', 'b'; expected 'en' and 'de' among them"), ("", "names the columns"), ("en\nHi\n", "names the columns 'en'; expected"),
        ('en,de\nHi,\n"open, x\n', "line 3 has a cell with a quote that is not closed: '\"open, x"), ('en,de\n"a"b,c\n', "line 2 has a cell with a quote"),
    ],
)  # fmt: skip
def test_other_tables_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        open_text(text, "csv", "en", "de")


def test_the_target_language_must_be_known():
    with pytest.raises(UsageError, match="which one it is translated to"):
        open_text(CSV, "csv", "en")


def test_old_encodings():
    document = open_document("de;fr\nGrüße;\n".encode("cp1252"), "csv", "de", "fr")
    assert document.rebuild(["Été"]) == "de;fr\nGrüße;Été\n".encode("cp1252")
    utf_16 = "\ufeffde\tfr\nGrüße\t\n".encode("utf-16-le")
    assert (
        open_document(utf_16, "csv", "de", "fr").rebuild(["你好"]).decode("utf-16") == "de\tfr\nGrüße\t你好\n"
    )


@pytest.mark.full
@pytest.mark.parametrize("part", ['"', '""', '"a', '"a"b\t', ",", "a,", "\n", '"\n', "a\t"])
@pytest.mark.parametrize("header", ["en\tde\n", 'en,de\n"'])
def test_hostile_tables(part, header):
    """Quadratic time would take minutes."""
    try:
        through(header + part * 50_000, "csv", target="de")
    except InputError as error:
        assert "quote that is not closed" in str(error)
