import pytest

from crosslate.documents import open_document
from crosslate.errors import InputError, UsageError
from toy_documents import texts

TMX = """<?xml version="1.0"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
  <tu><prop type="x">no</prop>
    <tuv xml:lang="en-US"><seg>Hello <bpt i="1">&lt;b></bpt>big<ept i="1">&lt;/b></ept> &amp; <ph>%s</ph> world</seg></tuv>
  </tu>
  <tu><tuv xml:lang="en"><seg>Done</seg></tuv><tuv xml:lang="de"><seg>Fertig</seg></tuv></tu>
  <tu><tuv xml:lang="de"><seg></seg></tuv><tuv lang="en"><seg>A <hi>new</hi> one</seg></tuv></tu>
  <tu><tuv xml:lang="fr"><seg>Non</seg></tuv></tu>
</body></tmx>
"""


def test_units_without_the_target_language_get_it():
    document = open_document(TMX.encode(), "tmx", "en", "de")
    assert texts(document) == ["Hello big & world", "A new one"]
    result = document.rebuild(["HELLO BIG & WORLD", "A NEW ONE"]).decode()
    first = '<seg>HELLO <bpt i="1">&lt;b></bpt>BIG<ept i="1">&lt;/b></ept> &amp; <ph>%s</ph> WORLD</seg>'
    expected = TMX.replace(
        "world</seg></tuv>\n", f'world</seg></tuv>\n    <tuv xml:lang="de">{first}</tuv>\n'
    )
    expected = expected.replace("<seg></seg>", "<seg>A <hi>NEW</hi> ONE</seg>")
    assert result == expected


def test_text_in_cdata_is_text():
    unit = "<tu><tuv xml:lang='en'><seg><![CDATA[Cats & dogs]]> here</seg></tuv></tu>"
    document = open_document(f"<tmx><body>{unit}</body></tmx>".encode(), "tmx", "en", "de")
    assert texts(document) == ["Cats & dogs here"]
    assert b"<seg>Katzen &amp; Hunde</seg>" in document.rebuild(["Katzen & Hunde"])


def test_all_is_there_already():
    data = TMX.replace('"de"', '"es"').encode()
    document = open_document(data, "tmx", "fr", "en")
    assert document.rebuild(["x"]) != data
    document = open_document(data, "tmx", "it", "en")
    assert document.segments == [] and document.rebuild([]) == data


def test_one_language_in_two_scripts_is_two():
    data = '<tmx version="1.4"><tu><tuv xml:lang="zh-TW"><seg>你們好。</seg></tuv></tu></tmx>'.encode()
    document = open_document(data, "tmx", "zh-Hant", "zh-Hans")
    assert texts(document) == ["你們好。"]
    assert '<tuv xml:lang="zh-Hans"><seg>你们好。</seg></tuv>' in document.rebuild(["你们好。"]).decode()


def test_what_cannot_be_read_is_refused():
    with pytest.raises(UsageError, match="which one it is translated to"):
        open_document(TMX.encode(), "tmx", "en")
    with pytest.raises(InputError, match="not well-formed"):
        open_document(TMX.encode()[:-20], "tmx", "en", "de")
    with pytest.raises(InputError, match="declares the entity"):
        open_document(TMX.replace('SYSTEM "tmx14.dtd"', '[<!ENTITY a "b">]').encode(), "tmx", "en", "de")


def test_other_xml_is_refused():
    with pytest.raises(InputError, match="outermost element is 'html', expected 'tmx'"):
        open_document(b"<html><body/></html>", "tmx", "en", "de")
