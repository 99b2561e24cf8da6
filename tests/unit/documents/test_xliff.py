import xml.etree.ElementTree as ElementTree

import pytest

from crosslate.documents import open_document, open_text
from crosslate.errors import InputError, UsageError
from toy_documents import texts

OLD = """<?xml version="1.0" encoding="UTF-8"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
  <file source-language="en-US" datatype="html" original="a.html"><body>
    <trans-unit id="1">
      <source>Hello <g id="1">big</g> &amp; <x id="2"/> world</source>
      <note>Not this</note>
    </trans-unit>
    <trans-unit id="2" approved="yes"><source>Done</source><target state="new">Fertig</target></trans-unit>
    <trans-unit id="3"><source>Also done</source><target>Auch</target></trans-unit>
    <trans-unit id="4"><source>A copy</source><target xml:lang="de" state="needs-translation">A copy</target></trans-unit>
    <trans-unit id="5"><source>One more</source><target/><alt-trans><source>X</source><target/></alt-trans></trans-unit>
    <trans-unit id="6"><source/></trans-unit>
    <group translate="no"><trans-unit id="7"><source>Code</source></trans-unit>
      <trans-unit id="8" translate="yes"><source>Words</source></trans-unit></group>
  </body></file>
  <file source-language="fr" target-language="de" original="b"><body><trans-unit id="1"><source>Non</source></trans-unit></body></file>
</xliff>
"""
MADE = '<target state="needs-review-translation" state-qualifier="mt-suggestion">'
NEW = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.1" srcLang="en"
 xmlns:mtc="urn:oasis:names:tc:xliff:matches:2.0">
 <file id="f"><unit id="1">
  <mtc:matches><mtc:match><source>Old</source><target>Alt</target></mtc:match></mtc:matches>
  <segment id="s1" state="initial" subState="my:x">
   <source>Press <pc id="1">the <ph id="2"/> key</pc> now.</source>
  </segment>
  <ignorable><source> And </source></ignorable>
  <segment state="translated"><source>Done</source><target>Fertig</target></segment>
  <segment><source>Next</source><target/></segment>
 </unit><unit id="2" translate="no"><segment><source>Code</source></segment></unit></file>
</xliff>
"""


def through(text, translate=str.upper, language="en", target="de"):
    document = open_document(text.encode(), "xliff", language, target)
    result = document.rebuild([translate(each) for each in texts(document)]).decode()
    ElementTree.fromstring(result)
    return texts(document), result


def old(content, attributes='source-language="en" target-language="de"'):
    unit = f'<trans-unit id="1">{content}</trans-unit>'
    return f'<xliff version="1.2"><file {attributes}><body>{unit}</body></file></xliff>'


def test_units_without_a_translation_get_one():
    read, result = through(OLD)
    assert read == ["Hello big & world", "A copy", "One more", "Words"]
    target = '\n      <target>HELLO <g id="1">BIG</g> &amp; <x id="2"/> WORLD</target>'.replace(
        "<target>", MADE
    )
    expected = OLD.replace('a.html"', 'a.html" target-language="de"', 1).replace(
        "world</source>", f"world</source>{target}"
    )
    copied = MADE.replace("<target", '<target xml:lang="de"')
    expected = expected.replace('<target xml:lang="de" state="needs-translation">A copy', f"{copied}A COPY")
    expected = expected.replace("more</source><target/>", f"more</source>{MADE}ONE MORE</target>")
    expected = expected.replace("Words</source>", f"Words</source>{MADE}WORDS</target>")
    assert result == expected


def test_segments_of_the_second_version():
    read, result = through(NEW)
    assert read == ["Press the key now.", "Next"]
    expected = NEW.replace('matches:2.0"', 'matches:2.0" trgLang="de"')
    expected = expected.replace('state="initial" subState="my:x"', 'state="translated"')
    target = '\n   <target>PRESS <pc id="1">THE <ph id="2"/> KEY</pc> NOW.</target>'
    expected = expected.replace("now.</source>", f"now.</source>{target}")
    expected = expected.replace("<segment><source>Next", '<segment state="translated"><source>Next')
    assert result == expected.replace("Next</source><target/>", "Next</source><target>NEXT</target>")


def test_a_finished_file_stays():
    done = old("<source>Hi</source><target state='final'/>")
    assert through(done) == ([], done)
    assert through(through(OLD)[1])[0] == [] and through(through(NEW)[1])[0] == []


def test_a_file_that_names_no_languages():
    read, result = through(old("<source>Hi</source>", 'original="a"'))
    assert read == ["Hi"] and '<file original="a" target-language="de">' in result


def test_segmented_units_keep_their_segments():
    unit = (
        '<source>One. Two.</source><seg-source><mrk mtype="seg" mid="1">One.</mrk> <mrk mtype="seg" mid="2">Two.</mrk>'
        '</seg-source><target><mrk mtype="seg" mid="1"/></target>'
    )
    read, result = through(old(unit))
    assert read == ["One.", "Two."]
    assert f'{MADE}<mrk mtype="seg" mid="1">ONE.</mrk> <mrk mtype="seg" mid="2">TWO.</mrk></target>' in result


def test_segments_without_a_translation_in_a_unit_in_work_get_one():
    unit = (
        '<source>One. Two. Three. Four.</source><seg-source><mrk mtype="seg" mid="1">One.</mrk> <mrk mtype="seg" mid="2">'
        'The <mrk mtype="term">two</mrk>.</mrk><mrk mtype="seg" mid="3">Three.</mrk> <mrk mtype="seg" mid="4">Four.</mrk>'
        '</seg-source><target{}><mrk mtype="seg" mid="1">Eins.</mrk> <mrk mtype="seg" mid="2"> </mrk>'
        '<mrk mtype="seg" mid="3"/> <mrk mtype="seg" mid="5"/></target>'
    )
    read, result = through(old(unit.format("")))
    assert read == ["The two.", "Three."]
    assert (
        '<target><mrk mtype="seg" mid="1">Eins.</mrk> <mrk mtype="seg" mid="2">THE <mrk mtype="term">TWO</mrk>.</mrk>'
        '<mrk mtype="seg" mid="3">THREE.</mrk> <mrk mtype="seg" mid="5"/></target>'
    ) in result
    # A state says that the unit is as its translator wants it.
    finished = old(unit.format(' state="final"'))
    assert through(finished) == ([], finished)


@pytest.mark.parametrize(
    ("content", "read", "written"),
    [
        ('A <bpt id="1">&lt;b></bpt>red<ept id="1">&lt;/b></ept> car', "A red car", 'CAR <bpt id="1">&lt;b></bpt>RED<ept id="1">&lt;/b></ept> A'),
        ('A <bx id="7" rid="1"/>red<ex id="8" rid="1"/> car', "A red car", 'CAR <bx id="7" rid="1"/>RED<ex id="8" rid="1"/> A'),
        ('A <sc id="1"/>red<ec startRef="1"/> car', "A red car", 'CAR <sc id="1"/>RED<ec startRef="1"/> A'),
        ('A <mrk mtype="protected">Volt X</mrk> car', "A car", 'CAR A <mrk mtype="protected">Volt X</mrk>'),
        ('A <mrk id="1" translate="no">Volt <pc id="2">X</pc></mrk> car', "A car", 'CAR A <mrk id="1" translate="no">Volt <pc id="2">X</pc></mrk>'),
        ('A <mrk mtype="term">red</mrk> car', "A red car", 'CAR <mrk mtype="term">RED</mrk> A'),
        ("A %1$s {name} car", "A car", "CAR A %1$s {name}"),
    ],
)  # fmt: skip
def test_inline_elements_follow_their_words(content, read, written):
    document = open_text(old(f"<source>{content}</source>"), "xliff", "en", "de")
    assert texts(document) == [read]
    swap = " ".join(reversed(read.upper().split()))
    links = [(index, len(read.split()) - 1 - index) for index in range(len(read.split()))]
    assert f"{written}</target>" in document.render([swap], lambda source, target: links)


def test_texts_in_codes_are_read():
    read, result = through(old('<source>Look<ph id="1">{<sub>A note</sub>}</ph> here</source>'))
    assert read == ["A note", "Look here"]
    assert '>LOOK<ph id="1">{<sub>A NOTE</sub>}</ph> HERE</target>' in result


def test_codes_that_must_not_be_reordered_keep_their_order():
    codes = '<ph id="1" canReorder="firstNo"/>', '<ph id="2" canReorder="no"/>'
    document = open_text(old(f"<source>red {codes[0]} car {codes[1]}</source>"), "xliff", "en", "de")
    result = document.render(["car red"], lambda *_: [(0, 1), (1, 0)]).rpartition("<target")[2]
    assert result.index(codes[0]) < result.index(codes[1])


@pytest.mark.parametrize("sentence", ["مرحبا بالعالم", "สวัสดีชาวโลก", "<b>&\"'"])
def test_any_script_and_no_markup(sentence):
    text = old('<source>Hello <g id="1">world</g></source>')
    _, result = through(text, lambda _: sentence)
    (target,) = ElementTree.fromstring(result).iter("target")
    assert "".join(target.itertext()) == sentence and [each.tag for each in target] == ["g"]


def test_a_prefix_and_an_older_encoding():
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><x:xliff xmlns:x="u" version="1.2"><x:file source-language="de">'
    text += '<x:trans-unit id="1"><x:source>Grün</x:source></x:trans-unit></x:file></x:xliff>'
    result = open_document(text.encode("latin-1"), "xliff", "de", "zh").rebuild(["绿"])
    assert (
        b'"mt-suggestion">&#32511;</x:target></x:trans-unit>' in result and "Grün".encode("latin-1") in result
    )
    ElementTree.fromstring(result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<tmx/>", "outermost element is 'tmx', expected 'xliff'"),
        ('<xliff version="3.0"/>', "XLIFF of version '3.0', expected 1.x or 2.x"),
        (old("<source>Hi</source>", 'source-language="fr" target-language="de"'), "is for fr to de, not for en to de"),
        (old("<source>Hi</source>", 'source-language="en" target-language="fr"'), "is for en to fr, not for en to de"),
        ('<xliff version="1.2"/>', "is for no languages"),
        (OLD[:-20], "not well-formed XML"),
        ('<!DOCTYPE a [<!ENTITY a "b">]>' + old("<source>&a;</source>"), "declares the entity 'a'"),
        (old(f"<source>{'<ph><sub>' * 30}x{'</sub></ph>' * 30}</source>"), "nested more than 20 deep"),
    ],
)  # fmt: skip
def test_other_files_are_refused(text, message):
    for opens in (
        lambda: open_document(text.encode(), "xliff", "en", "de"),
        lambda: open_text(text, "xliff", "en", "de"),
    ):
        with pytest.raises(InputError, match=message):
            opens()


def test_the_target_language_must_be_known():
    with pytest.raises(UsageError, match="which one it is translated to"):
        open_document(OLD.encode(), "xliff", "en")
