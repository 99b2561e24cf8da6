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
        PO.replace("Language: ", "Language: pt_BR")
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
