"""TMX: text of segments, languages, and documents that must be refused."""

import logging

import pytest

from crosslate.errors import CorpusError
from crosslate.text.readers import tmx
from crosslate.text.reading import Reading


def unit(**texts):
    variants = "".join(
        f'<tuv xml:lang="{language}"><seg>{text}</seg></tuv>' for language, text in texts.items()
    )
    return f"<tu>{variants}</tu>"


def document(*units, start=""):
    return f'<?xml version="1.0" encoding="UTF-8"?>{start}<tmx version="1.4"><header/><body>{"".join(units)}</body></tmx>'


def pairs(blocks, reading):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tmx, "read_blocks", lambda path: blocks)
        yield from tmx.TMX().pairs(["memory.tmx"], reading)


def read(data, languages=("de", "en"), block=7):
    """Pairs, or the error; in small blocks, so that every token crosses a border somewhere."""
    data = data.encode() if isinstance(data, str) else data
    reading = Reading(*languages)
    found = list(pairs((data[at : at + block] for at in range(0, len(data), block)), reading))
    reading.raise_faults()
    return found


def test_units_in_either_order_and_with_other_languages():
    text = document(
        unit(de="eins", en="one"),
        unit(en="two", fr="deux", de="zwei"),
    )
    assert read(text) == [("eins", "one"), ("zwei", "two")]
    assert read(text, ("en", "de")) == [("one", "eins"), ("two", "zwei")]


@pytest.mark.parametrize(
    ("first", "second"),
    [('xml:lang="de-DE"', 'xml:lang="EN_us"'), ('lang="DE"', 'lang="en"'), ('xml:lang="de"', 'lang="en-GB"')],
)
def test_languages_match_with_regions_and_by_either_attribute(first, second):
    text = document(f"<tu><tuv {first}><seg>a</seg></tuv><tuv {second}><seg>b</seg></tuv></tu>")
    assert read(text) == [("a", "b")]


def test_text_of_inline_elements_is_kept_and_formatting_code_is_not():
    source = (
        'Die <hi type="b">große <hi>alte</hi></hi> <bpt i="1">&lt;b&gt;</bpt>Katze<ept i="1">&lt;/b&gt;</ept>'
        '<ph x="1"/> &amp; <it pos="begin">{\\i </it>der<ut>x<sub>y</sub></ut> <![CDATA[<Hund>]]>&#33;'
    )
    assert read(document(unit(de=source, en="cat"))) == [("Die große alte Katze & der <Hund>!", "cat")]


def test_a_segment_is_one_line():
    assert read(document(unit(de="\n   eins\r\n   zwei\n  ", en=" one\ttwo "))) == [
        ("eins zwei", " one\ttwo ")
    ]


def test_what_is_passed_over_is_counted_in_the_log(caplog):
    text = document(
        unit(de="a", en="b"),
        unit(de="only"),
        '<tu><tuv xml:lang="de"><seg>c</seg></tuv><tuv xml:lang="de"><seg>d</seg></tuv>'
        '<tuv xml:lang="en"><seg>e</seg></tuv></tu>',
    )
    with caplog.at_level(logging.INFO, logger="crosslate"):
        assert read(text) == [("a", "b"), ("c", "e")]
    assert "memory.tmx: 1 of 3 units lack de or en" in caplog.text
    assert "1 further texts in a language that the unit already had" in caplog.text


def test_a_missing_language_is_refused_with_those_that_are_there():
    text = document(unit(fr="un", en="one"), unit(fr="deux"))
    with pytest.raises(
        CorpusError, match=r"none of its 2 units has both 'de' and 'en'; languages there: fr \(2\), en \(1\)"
    ):
        read(text)


def test_encodings_are_those_of_the_declaration():
    text = document(unit(de="größer", en="“bigger”"))
    assert read(text.replace("UTF-8", "UTF-16").encode("utf-16")) == [("größer", "“bigger”")]
    latin = document(unit(de="größer", en="bigger")).replace("UTF-8", "ISO-8859-1")
    assert read(latin.encode("latin-1")) == [("größer", "bigger")]
    assert read(b"\xef\xbb\xbf" + text.encode()) == [("größer", "“bigger”")]


@pytest.mark.parametrize("encoding", ["shift_jis", "no-such-encoding", "utf-7"])
def test_an_encoding_that_cannot_be_read_is_refused(encoding):
    with pytest.raises(CorpusError, match=r"memory\.tmx"):
        read(document(unit(de="a", en="b")).replace("UTF-8", encoding))


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE tmx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE tmx [<!ENTITY % a SYSTEM "http://localhost/x.dtd"> %a;]>',
    ],
)
def test_declared_entities_are_refused(declaration):
    text = document(unit(de="&a;", en="b"), start=declaration)
    with pytest.raises(CorpusError, match=r"memory\.tmx declares the entity 'a'"):
        read(text)


def test_the_usual_doctype_is_read_and_its_file_is_not():
    text = document(unit(de="a", en="b"), start='<!DOCTYPE tmx SYSTEM "tmx14.dtd">')
    assert read(text) == [("a", "b")]


@pytest.mark.parametrize("start", ["", '<!DOCTYPE tmx SYSTEM "tmx14.dtd">'])
def test_an_undefined_entity_is_refused_not_left_out(start):
    with pytest.raises(CorpusError, match=r"undefined entity|uses the entity &nbsp;"):
        read(document(unit(de="a&nbsp;b", en="b"), start=start))


@pytest.mark.parametrize(
    ("damage", "column"),
    [
        (lambda text: text[:-10], None),
        (lambda text: text.replace(b"eins", b"ei\xffns"), b"\xff"),
        (lambda text: text.replace(b"eins", b"ei\0ns"), b"\0"),
        (lambda text: text.replace(b"</seg>", b"</sag>", 1), None),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(damage, column):
    text = damage(document(unit(de="eins", en="one")).encode())
    with pytest.raises(CorpusError, match=r"memory\.tmx, line 1, column \d+: not well-formed") as caught:
        read(text)
    assert column is None or f"column {text.index(column)}:" in str(caught.value)


def test_memory_does_not_grow_with_the_document():
    import tracemalloc

    units = unit(de="x" * 500, en="y" * 500).encode() * 20

    def blocks():
        yield b"<tmx><body>"
        for _ in range(100):
            yield units
        yield b"</body></tmx>"

    tracemalloc.start()
    count = sum(1 for _ in pairs(blocks(), Reading("de", "en")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 2_000
    assert peak < 500_000  # the document has 2 MB
