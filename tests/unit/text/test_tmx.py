"""TMX: text of segments, languages, and documents that must be refused."""

import gzip
import logging
import tracemalloc

import pytest

from crosslate.errors import CorpusError
from crosslate.text.corpora import read_corpus
from crosslate.text.tmx import read_units


def unit(**texts):
    variants = (f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>' for code, text in texts.items())
    return f"<tu>{''.join(variants)}</tu>"


def document(*units, start=""):
    return f'<?xml version="1.0" encoding="UTF-8"?>{start}<tmx version="1.4"><header/><body>{"".join(units)}</body></tmx>'


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def pairs(data, languages=("de", "en"), name="a.tmx"):
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return list(read_corpus([name], *languages))

    return pairs


INLINE = (
    'Die <hi type="b">große <hi>alte</hi></hi> <bpt i="1">&lt;b&gt;</bpt>Katze<ept i="1">&lt;/b&gt;</ept>'
    '<ph x="1"/> &amp; <it pos="begin">{\\i </it>der<ut>x<sub>y</sub></ut> <![CDATA[<Hund>]]>&#33;'
)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([unit(de="eins", en="one"), unit(en="two", fr="deux", de="zwei")], [("eins", "one"), ("zwei", "two")]),
        ([unit(de=INLINE, en="cat")], [("Die große alte Katze & der <Hund>!", "cat")]),
        ([unit(de="\n   eins\r\n   zwei\n  ", en=" one\ttwo ")], [("eins zwei", " one\ttwo ")]),
        *(([f"<tu><tuv {one}><seg>a</seg></tuv><tuv {other}><seg>b</seg></tuv></tu>"], [("a", "b")])
          for one, other in (('xml:lang="de-DE"', 'xml:lang="EN_us"'), ('lang="DE"', 'lang="en"'), ('xml:lang="de"', 'lang="en-GB"'))),
    ],
)  # fmt: skip
def test_units_are_pairs(read, units, expected):
    assert read(document(*units)) == expected
    assert read(document(*units), ("en", "de")) == [pair[::-1] for pair in expected]


def test_what_is_passed_over_is_counted_in_the_log(read, caplog):
    twice = '<tu><tuv lang="de"><seg>c</seg></tuv><tuv lang="de"><seg>d</seg></tuv><tuv lang="en"><seg>e</seg></tuv></tu>'
    with caplog.at_level(logging.INFO, logger="crosslate"):
        assert read(document(unit(de="a", en="b"), unit(de="only"), twice)) == [("a", "b"), ("c", "e")]
    assert "a.tmx: 1 of 3 units lack de or en" in caplog.text
    assert "1 further texts in a language that the unit already had" in caplog.text


def test_encodings_are_those_of_the_declaration(read):
    text = document(unit(de="größer", en="“bigger”"))
    assert read(text.replace("UTF-8", "UTF-16").encode("utf-16")) == [("größer", "“bigger”")]
    latin = document(unit(de="größer", en="bigger")).replace("UTF-8", "ISO-8859-1")
    assert read(latin.encode("latin-1")) == [("größer", "bigger")]
    assert read(b"\xef\xbb\xbf" + text.encode()) == [("größer", "“bigger”")]


USUAL = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (document(unit(fr="un", en="one"), unit(fr="deux")),
         r"none of its 2 units has both 'de' and 'en'; languages there: fr \(2\), en \(1\)"),
        *((document(unit(de="a", en="b")).replace("UTF-8", encoding), "its encoding cannot be read")
          for encoding in ("shift_jis", "no-such-encoding", "utf-7")),
        *((document(unit(de="&a;", en="b"), start=f"<!DOCTYPE tmx [<!ENTITY {declared}]>"), "declares the entity 'a'")
          for declared in ('a "ha"><!ENTITY b "&a;&a;&a;">', 'a SYSTEM "file:///etc/passwd">', '% a SYSTEM "http://localhost/x.dtd"> %a;')),
        (document(unit(de="a&nbsp;b", en="b")), "undefined entity"),
        (document(unit(de="a&nbsp;b", en="b"), start=USUAL), "uses the entity &nbsp;"),
    ],
)  # fmt: skip
def test_what_is_refused(read, data, message):
    with pytest.raises(CorpusError, match=rf"a\.tmx.*{message}"):
        read(data)


@pytest.mark.parametrize(
    ("good", "bad"), [(b"</tu></body>", b""), (b"eins", b"ei\xffns"), (b"eins", b"ei\0ns"), (b"</seg>", b"</sag>")]
)  # fmt: skip
def test_what_is_not_well_formed_is_refused_with_its_place(read, good, bad):
    data = document(unit(de="eins", en="one")).encode().replace(good, bad, 1)
    with pytest.raises(CorpusError, match=r"a\.tmx, line 1, column \d+: not well-formed") as caught:
        read(data)
    for wrong in (b"\xff", b"\0"):
        assert wrong not in bad or f"column {data.index(wrong)}:" in str(caught.value)


def test_the_usual_doctype_is_read_and_its_file_is_not(read):
    assert read(document(unit(de="a", en="b"), start=USUAL)) == [("a", "b")]


def test_compressed_and_cut_off(read):
    data = gzip.compress(document(unit(de="a", en="b")).encode())
    assert read(data, name="a.tmx.gz") == [("a", "b")]
    with pytest.raises(CorpusError, match="ends too early"):
        read(data[:-9], name="a.tmx.gz")


def test_blocks_may_end_anywhere():
    data = document(unit(de=INLINE, en="größer")).encode()
    blocks = [data[at : at + 7] for at in range(0, len(data), 7)]
    assert list(read_units(blocks, "x")) == list(read_units([data], "x"))


def test_memory_does_not_grow_with_the_document():
    def blocks():
        yield b"<tmx><body>"
        for _ in range(100):
            yield unit(de="x" * 500, en="y" * 500).encode() * 20
        yield b"</body></tmx>"

    tracemalloc.start()
    count = sum(1 for _ in read_units(blocks(), "x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 2_000
    assert peak < 500_000  # the document has 2 MB
