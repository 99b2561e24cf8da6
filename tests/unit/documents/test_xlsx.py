import xml.etree.ElementTree as ElementTree

import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError
from toy_documents import is_kept, texts, unzipped, zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def shared(strings):
    return f'{HEAD}<sst xmlns="{MAIN}" count="9">{strings}</sst>'


def workbook(strings, **others):
    sheet = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="str"><f>IF(A1="Yes","a b",0)</f><v>a b</v></c></row></sheetData></worksheet>'
    members = {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": f'<workbook xmlns="{MAIN}"><sheet name="My sheet"/></workbook>'}  # fmt: skip
    members |= {"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": shared(strings)}
    return zipped(
        members | {f"xl/{name.replace('__', '/')}.xml": content for name, content in others.items()}
    )


def through(strings, translate=str.upper, **others):
    """The sentences of a file, and its members with their translations."""
    document = open_document(workbook(strings, **others), "xlsx", "en")
    members = unzipped(document.rebuild([translate(text) for text in texts(document)]))
    for name, content in members.items():
        if name.endswith(".xml"):
            ElementTree.fromstring(content)
    return texts(document), {name: content.decode() for name, content in members.items()}


def test_cells_are_read_and_all_else_stays():
    strings = (
        "<si><t>Hello there</t></si><si><t>5,0 %</t></si><si/><si><t/></si>"
        '<si><r><t>A </t></r><r><rPr><b/></rPr><t>bold</t></r><r><t xml:space="preserve"> word &amp; all</t></r></si>'
        '<si><t xml:space="preserve">Two\nlines_x000D_\nof {name}</t></si>'
    )
    read, members = through(strings)
    assert read == ["Hello there", "A bold word & all", "Two", "lines", "of"]
    expected = strings.replace("<t>A", '<t xml:space="preserve">A').replace(
        "<t>bold", '<t xml:space="preserve">bold'
    )
    expected = expected.replace("<t>Hello", '<t xml:space="preserve">Hello')
    for part in ("Hello there", ">A ", "bold", "word", "all<", "Two", "lines", "of"):
        expected = expected.replace(part, part.upper())
    assert members["xl/sharedStrings.xml"] == shared(expected)
    before = {name: content.decode() for name, content in unzipped(workbook(strings)).items()}
    assert [name for name in members if members[name] != before[name]] == ["xl/sharedStrings.xml"]
    assert is_kept(workbook(strings), "xlsx")


def test_strings_in_cells_comments_and_boxes():
    sheet = f'{HEAD}<x:worksheet xmlns:x="{MAIN}"><x:c t="inlineStr"><x:is><x:t>In a cell</x:t></x:is></x:c><x:c t="str"><x:v>a b</x:v></x:c></x:worksheet>'
    comments = f'{HEAD}<comments xmlns="{MAIN}"><authors><author>Ann Other</author></authors><comment><text><r><t>A comment</t></r></text></comment></comments>'
    box = '<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p><a:r><a:t>A box</a:t></a:r></a:p></d>'
    read, members = through("", worksheets__sheet2=sheet, comments1=comments, drawings__drawing1=box)
    assert read == ["In a cell", "A comment", "A box"]
    kept = '<x:is><x:t xml:space="preserve">IN A CELL'
    assert members["xl/worksheets/sheet2.xml"] == sheet.replace("<x:is><x:t>In a cell", kept)
    assert members["xl/comments1.xml"] == comments.replace(
        "<t>A comment", '<t xml:space="preserve">A COMMENT'
    )
    assert members["xl/drawings/drawing1.xml"] == box.replace("A box", "A BOX")


def test_names_of_columns_stay():
    """Where a heading is not the name of its column, the file is damaged for Excel."""
    strings = "<si><t>Name &amp; so</t></si><si><r><t>First_x000a_</t></r><r><t>name</t></r></si><si><t>Region</t></si><si><t>Name</t></si>"
    table = f'<table xmlns="{MAIN}"><tableColumn name="Name &amp; so"/><tableColumn name="First_x000a_name"/></table>'
    cache = f'<pivotCacheDefinition xmlns="{MAIN}"><cacheField name="Region"/></pivotCacheDefinition>'
    read, members = through(strings, tables__table1=table, pivotCache__pivotCacheDefinition1=cache)
    assert read == ["Name"]
    assert members["xl/sharedStrings.xml"] == shared(
        strings.replace("<t>Name<", '<t xml:space="preserve">NAME<')
    )


def test_readings_go_from_a_changed_cell():
    reading = '<rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>'
    strings = f"<si><t>東京です。</t>{reading}</si>"
    document = open_document(workbook(strings), "xlsx", "ja")
    assert texts(document) == ["東京です。"] and is_kept(workbook(strings), "xlsx", "ja")
    result = unzipped(document.rebuild(["Tokyo."]))["xl/sharedStrings.xml"].decode()
    assert result == shared('<si><t xml:space="preserve">Tokyo.</t><phoneticPr fontId="1"/></si>')


@pytest.mark.parametrize("sentence", ["مرحبا بالعالم", "สวัสดีชาวโลก", "<b>&\"'"])
def test_any_script_and_no_markup(sentence):
    _, members = through("<si><r><t>Hello </t></r><r><t>world</t></r></si>", lambda _: sentence)
    (string,) = ElementTree.fromstring(members["xl/sharedStrings.xml"])
    assert "".join(string.itertext()) == sentence


def test_a_translation_is_no_escaped_character():
    _, members = through("<si><t>Hello</t></si>", lambda _: "a _x0041_")
    assert ">a _x005F_x0041_<" in members["xl/sharedStrings.xml"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({"word/document.xml": "<a/>"}), "it is no xlsx file"), (workbook("<si>"), "not well-formed XML"), (b"PK", "no whole xlsx file"),
        (zipped({"xl/sharedStrings.xml": '<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>'}), "declares the entity 'a'"),
    ],
)  # fmt: skip
def test_other_files_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        open_document(data, "xlsx", "en")


def test_a_file_of_numbers_has_no_text():
    document = open_document(workbook("<si><t>5</t></si>"), "xlsx", "en")
    assert document.segments == []
