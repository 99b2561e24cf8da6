import re
import shutil
import subprocess

import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError
from toy_documents import is_kept, texts

PO = r"""# Comment
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Language: \n"

#: a.c:1
#, c-format
msgid "Hello %s, \"you\"\n"
msgstr ""

msgctxt "menu"
msgid ""
"Two\n"
"lines <b>here</b>\n"
msgstr ""

msgid "Done"
msgstr "Fertig"

#, fuzzy
msgid "One file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""

#~ msgid "old"
#~ msgstr ""
"""


def test_messages_without_a_translation_get_one():
    document = open_document(PO.encode(), "po", "en", "pt-BR")
    assert texts(document) == ['Hello, "you"', "Two", "lines here", "One file", "files"]
    result = document.rebuild([text.upper() for text in texts(document)]).decode()
    expected = (
        PO.replace(
            '"Language: \\n"\n', '"Language: pt_BR\\n"\n"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n'
        )
        .replace('you\\"\\n"\nmsgstr ""', 'you\\"\\n"\nmsgstr "HELLO %s, \\"YOU\\"\\n"')
        .replace('</b>\\n"\nmsgstr ""', '</b>\\n"\nmsgstr ""\n"TWO\\n"\n"LINES <b>HERE</b>\\n"')
        .replace('msgstr[0] ""', 'msgstr[0] "ONE FILE"')
        .replace('msgstr[1] ""', 'msgstr[1] "%d FILES"')
    )
    assert result == expected


def test_a_language_with_one_form_gets_the_plural():
    text = PO.replace('"Language: ', '"Plural-Forms: nplurals = 1; plural=0;\\n"\n"Language: ').replace(
        'msgstr[1] ""\n', ""
    )
    assert texts(open_document(text.encode(), "po", "en", "ja"))[-1] == "files"


def test_a_whole_catalogue_stays():
    whole = PO.split("msgctxt")[0].replace('"\nmsgstr ""\n\n', '"\nmsgstr "x"\n\n').replace("\n", "\r\n")
    assert texts(open_document(whole.encode(), "po", "en")) == [] and is_kept(whole.encode(), "po")


def test_line_ends_and_encoding_stay_unless_it_lacks_a_character():
    text = PO.replace("UTF-8", "ISO-8859-1").replace("Comment", "Grüße").replace("\n", "\r\n")
    document = open_document(text.encode("latin-1"), "po", "en", "de")
    result = document.rebuild(["ä"] * 5)
    assert b'"\xe4 %s\\n"\r\n' in result and result.count(b"\n") == result.count(b"\r\n")
    result = document.rebuild(["你"] * 5).decode()
    assert "charset=UTF-8" in result and "Grüße" in result and 'msgstr[0] "你"' in result


@pytest.mark.parametrize("line", ['msgid "open', "nonsense", '"string first"', 'msgid "a" b', 'msgstr "a\\"'])
def test_other_lines_are_refused(line):
    with pytest.raises(InputError, match="line 1 is no line of a po file"):
        open_document(line.encode(), "po", "en")


@pytest.mark.parametrize(
    "message",
    [
        'msgid "One " "two"\nmsgstr ""', 'msgid ""\n\n"One "\n  \n"two"\nmsgstr ""\n', 'msgid "One two" msgstr ""\n',
        'domain "other"\nmsgid "One two"\nmsgstr ""\n', 'msgid"One two"msgstr""',
    ],
)  # fmt: skip
def test_strings_and_fields_stand_anywhere(message, tmp_path):
    result = translated(HEADER + message, "de")
    assert result.decode().count("ONE TWO") == 1 and b"One" in result
    if shutil.which("msgfmt") and "domain" not in message:
        assert compiled(result, tmp_path) == ""


def test_escaped_bytes_are_those_of_the_encoding():
    message = r'msgid "Gr\303\274\xc3\x9fe\041"' + '\nmsgstr ""\n'
    assert texts(open_document((HEADER + message).encode(), "po", "de", "en")) == ["Grüße!"]
    latin = HEADER.replace("UTF-8", "ISO-8859-1") + r'msgid "Gr\374n"' + '\nmsgstr ""\n'
    assert texts(open_document(latin.encode(), "po", "de", "en")) == ["Grün"]


def test_an_encoding_that_the_header_names_wrongly_is_corrected(tmp_path):
    one_line = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=%s\\n"\n\nmsgid "Grün"\nmsgstr ""\n'
    for named, used in (("ASCII", "utf-8"), ("ISO-8859-1", "iso-8859-1"), ("UTF-8", "iso-8859-1")):
        result = translated((one_line % named).encode(used), "zh", lambda _: "绿", "de")
        assert "charset=UTF-8" in result.decode() and 'msgid "Grün"\nmsgstr "绿"' in result.decode()
        if shutil.which("msgfmt"):
            assert compiled(result, tmp_path) == ""
    kept = translated((one_line % "ISO-8859-1").encode("latin-1"), "fr", lambda _: "Été", "de")
    assert "charset=ISO-8859-1" in kept.decode("latin-1") and 'msgstr "Été"' in kept.decode("latin-1")


def test_a_header_behind_messages_is_the_only_one(tmp_path):
    result = translated('msgid "One"\nmsgstr ""\n\n' + HEADER, "de")
    assert result.decode().count('msgid ""') == 1 and b'msgstr "ONE"' in result
    if shutil.which("msgfmt"):
        assert compiled(result, tmp_path) == ""


HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
TEMPLATE = r"""# Titles
#, fuzzy, c-format
msgid ""
msgstr ""
"Project-Id-Version: demo 2\n"
"Language: \n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=CHARSET\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\n"

#: b.c:2
msgid "One boat"
msgid_plural "%d boats"
msgstr[0] ""
msgstr[1] ""

#, c-format
msgid "%d day\n"
msgid_plural "%d days\n"
msgstr[0] ""
msgstr[1] ""
"""


def compiled(catalogue, tmp_path):
    """Complaints of gettext's own compiler, without its warnings about a header's other fields."""
    path = tmp_path / "a.po"
    path.write_bytes(catalogue)
    command = ["msgfmt", "-c", "-o", str(tmp_path / "a.mo"), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stderr


def translated(text, target, translate=str.upper, source="en"):
    document = open_document(text if isinstance(text, bytes) else text.encode(), "po", source, target)
    return document.rebuild([translate(each) for each in texts(document)])


@pytest.mark.parametrize(
    ("target", "first", "second", "rule"),
    [
        ("es", ["ONE BOAT", "%d BOATS"], ["%d DAY", "%d DAYS"], "nplurals=2; plural=(n != 1);"),
        ("ja", ["%d BOATS"], ["%d DAYS"], "nplurals=1; plural=0;"),
        # 21 boats take the form of 1 in Russian, so that text must show the number.
        ("ru", ["%d BOATS"] * 3, ["%d DAY", "%d DAYS", "%d DAYS"], "nplurals=3"),
        ("cs", ["ONE BOAT", "%d BOATS", "%d BOATS"], ["%d DAY", "%d DAYS", "%d DAYS"], "nplurals=3"),
        ("ar", ["%d BOATS", "ONE BOAT", *["%d BOATS"] * 4], ["%d DAYS", "%d DAY", *["%d DAYS"] * 4], "nplurals=6"),
    ],
)  # fmt: skip
def test_a_template_becomes_a_catalogue_of_the_target_language(target, first, second, rule, tmp_path):
    result = translated(TEMPLATE, target).decode()
    forms = re.findall(r'^msgstr\[(\d)\] "(.*)"$', result, re.MULTILINE)
    assert [text for _, text in forms] == first + [rf"{text}\n" for text in second]
    assert [int(number) for number, _ in forms] == [*range(len(first))] * 2
    assert rule in result and f'"Language: {target}\\n"' in result and "charset=UTF-8" in result
    assert result.startswith("# Titles\n#, c-format\nmsgid") and "fuzzy" not in result
    if shutil.which("msgfmt"):
        assert compiled(result.encode(), tmp_path) == ""


def test_templates_of_older_encodings_and_without_a_header_become_utf_8(tmp_path):
    legacy = TEMPLATE.replace("Titles", "Grüße").encode("cp1252")
    assert "Grüße" in translated(legacy, "ru", lambda _: "Да", "de").decode()
    bare = 'msgid "One"\nmsgid_plural "Many"\nmsgstr[0] ""'
    result = translated(bare, "pl", lambda text: f"ż{text}").decode()
    assert result.endswith('msgstr[0] "żOne"\nmsgstr[1] "żMany"\nmsgstr[2] "żMany"\n')
    assert 'charset=UTF-8\\n"' in result and "nplurals=3" in result
    if shutil.which("msgfmt"):
        assert compiled(result.encode(), tmp_path) == ""


def test_rules_of_a_catalogue_in_the_target_language_stay():
    own = TEMPLATE.replace("Language: ", "Language: cs").replace(
        "INTEGER; plural=EXPRESSION", "2; plural=n>1"
    )
    assert "nplurals=2; plural=n>1;" in translated(own, "cs").decode()
    of_the_source = own.replace("Language: cs", "Language: en")
    assert "nplurals=3" in translated(of_the_source, "cs").decode()
    filled = own.replace("Language: cs", "Language: ").replace('[0] ""', '[0] "x"', 1)
    assert "nplurals=2; plural=n>1;" in translated(filled, "cs").decode()
    without_target = translated(TEMPLATE, None).decode()
    assert without_target.partition("#: b.c")[0] == TEMPLATE.partition("#: b.c")[0]
    assert "msgstr[2]" not in without_target


def test_block_tags_and_line_breaks_end_sentences():
    text = 'msgid "<ul><li>First one</li><li>Second <b>one</b></li></ul>Line<br />break<x/> and <my-tag>more</my-tag>"\nmsgstr ""\n'
    document = open_document(text.encode(), "po", "en")
    assert texts(document) == ["First one", "Second one", "Line", "break and more"]
