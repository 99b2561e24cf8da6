"""In every script: no line is lost and nothing protected is changed, from learning a vocabulary to serving."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
import unicodedata

import pytest

import families
import pack_json
import tiny_models
import toy_server
from crosslate.documents import all_formats, open_document
from crosslate.engines.decoding import DecodingOptions
from crosslate.languages.scripts import script_of, scripts_of
from crosslate.languages.sentence_ends import sentences
from crosslate.models.parent import Parent
from crosslate.text.cleaning import CleaningSettings, clean
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.placeholders import placeholders
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.translation.lines import split_text, translate_lines
from crosslate.translation.translator import Translator
from every_script import LINES, SAMPLES
from toy_documents import texts, unzipped, zipped

by_language = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.language)
TAG = re.compile("<[^>]*>")


def test_the_samples_are_of_many_languages_and_scripts():
    assert len({sample.language.partition("-")[0] for sample in SAMPLES}) >= 50
    assert len({sample.script for sample in SAMPLES}) >= 33
    assert all(script_of(sample.paragraph) == sample.script for sample in SAMPLES)
    assert all(sample.script in scripts_of(sample.language) for sample in SAMPLES)


# Vocabularies.


@pytest.fixture(scope="module")
def vocabulary():
    """One of all scripts; it spells rare characters in bytes."""
    return train_vocabulary(LINES)


def assert_kept(vocabulary, lines):
    for line, ids in zip(lines, vocabulary.encode_batch(lines), strict=True):
        assert vocabulary.special.unk not in ids
        assert vocabulary.decode(ids) == line


def test_a_vocabulary_of_all_languages(vocabulary):
    assert_kept(vocabulary, LINES)


@by_language
def test_a_vocabulary_of_one_language(sample):
    assert_kept(train_vocabulary(sample.lines), sample.lines)


# Corpora.


def test_cleaning_keeps_translations_between_all_pairs_of_languages(tmp_path):
    pairs = [
        pair
        for one in SAMPLES
        for other in SAMPLES
        if one is not other
        for pair in zip(one.sentences[:2], other.sentences[:2])
    ]
    source, target = zip(*dict.fromkeys(pairs))
    kept, report = clean(ParallelCorpus(source, target, "xx", "yy"), CleaningSettings(), tmp_path)
    assert report.lines() == [f"cleaning kept {len(source):,} of {len(source):,} pairs"]
    assert list(kept) == list(zip(source, target))


# Sentences and their parts.


@pytest.mark.parametrize("library", ["sentencex", "none"])
@by_language
def test_sentences_end_where_readers_see_it(sample, library, monkeypatch):
    if library == "none":
        monkeypatch.setitem(sys.modules, "sentencex", None)
    found = sentences(sample.paragraph, sample.language)
    assert "".join(found) == sample.paragraph
    assert [each.strip() for each in found] == sentences_of(sample)


def sentences_of(sample):
    """What a translator gets of a sample's paragraph."""
    return list(sample.sentences) if sample.has_ends else [sample.paragraph]


@by_language
def test_parts_of_a_text_that_is_too_long_for_the_model(sample):
    """Nothing but spaces is left out, and no mark is torn from its letter."""
    for line in sample.lines:
        parts = [part.text for part in split_text(line, lambda text: len(text) + 1, 12, sample.language)]
        assert "".join("".join(parts).split()) == "".join(line.split())
        assert not any(unicodedata.category(part[0])[0] == "M" or part[0] == "\u200d" for part in parts)


# What no translation may change.


@by_language
def test_what_is_protected(sample):
    for line, protected in sample.shielded:
        found = placeholders(line, sample.language)
        assert [line[start:end] for start, end in found] == protected


def assert_protected(sample, translations):
    """That the translations of a sample's last lines hold what is protected in these, and nothing twice."""
    for (line, protected), translation in zip(
        sample.shielded, translations[-len(sample.shielded) :], strict=True
    ):
        for span in protected:
            assert translation.count(span) == line.count(span), (line, translation)


# Documents.


def _in_xml(line):
    """A line in markup of which tags are no part."""
    return html.escape(TAG.sub("", line), quote=False)


def _in_html(line):
    """A line in HTML, whose tags are those of the page."""
    kept = TAG.findall(line)
    return "".join(
        html.escape(text, quote=False) + tag for text, tag in zip(TAG.split(line), [*kept, ""], strict=True)
    )


def _page(lines):
    return "".join(f"<p>{_in_html(line)}</p>\n" for line in lines)


def _cues(lines, between):
    return "".join(
        f"0:00:{n:02}{between}5 --> 0:00:{n:02}{between}9\n{line}\n\n" for n, line in enumerate(lines)
    )


def _word(lines):
    body = "".join(f"<w:p><w:r><w:t>{_in_xml(line)}</w:t></w:r></w:p>" for line in lines)
    name = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return zipped({"word/document.xml": f'<w:document xmlns:w="{name}"><w:body>{body}</w:body></w:document>'})


def _slides(lines):
    body = "".join(f"<a:p><a:r><a:t>{_in_xml(line)}</a:t></a:r></a:p>" for line in lines)
    name = "http://schemas.openxmlformats.org/drawingml/2006/main"
    return zipped({"ppt/slides/slide1.xml": f'<p:sld xmlns:p="p" xmlns:a="{name}">{body}</p:sld>'})


def _sheet(lines):
    body = "".join(f"<si><t>{_in_xml(line)}</t></si>" for line in lines)
    name = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return zipped({"xl/sharedStrings.xml": f'<sst xmlns="{name}">{body}</sst>'})


def _odt(lines):
    body = "".join(f"<text:p>{_in_xml(line)}</text:p>" for line in lines)
    name = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    return zipped({"content.xml": f'<office:text xmlns:office="o" xmlns:text="{name}">{body}</office:text>'})


def _epub(lines):
    return zipped({
        "META-INF/container.xml": "<container><rootfile full-path='a.opf'/></container>",
        "a.opf": "<package><item href='a.xhtml' media-type='application/xhtml+xml'/></package>",
        "a.xhtml": f"<html><body>{_page(lines)}</body></html>",
    })  # fmt: skip


def _po(lines):
    messages = (line.replace('"', '\\"') for line in lines)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    return header + "".join(f'\nmsgid "{message}"\nmsgstr ""\n' for message in messages)


def _tmx(lines, code):
    units = "".join(f'<tu><tuv xml:lang="{code}"><seg>{_in_xml(line)}</seg></tuv></tu>\n' for line in lines)
    return f'<tmx version="1.4"><header/><body>{units}</body></tmx>'


def _xliff(lines, code):
    units = "".join(f"<trans-unit><source>{_in_xml(line)}</source></trans-unit>\n" for line in lines)
    return f'<xliff version="1.2"><file source-language="{code}"><body>{units}</body></file></xliff>'


def _yaml(lines, code):
    return "".join(f"{number}: {json.dumps(line, ensure_ascii=False)}\n" for number, line in enumerate(lines))


def _csv(lines):
    cells = (line.replace('"', '""') for line in lines)
    return "source;target\n" + "".join(f'"{cell}";""\n' for cell in cells)


MAKERS = {
    "text": lambda lines, code: "".join(f"{line}\n" for line in lines),
    "html": lambda lines, code: _page(lines),
    "markdown": lambda lines, code: "".join(f"{line}\n\n" for line in lines),
    "srt": lambda lines, code: _cues(lines, ","),
    "vtt": lambda lines, code: "WEBVTT\n\n" + _cues([_in_html(line) for line in lines], "."),
    "docx": lambda lines, code: _word(lines),
    "pptx": lambda lines, code: _slides(lines),
    "xlsx": lambda lines, code: _sheet(lines),
    "odt": lambda lines, code: _odt(lines),
    "epub": lambda lines, code: _epub(lines),
    "po": lambda lines, code: _po(lines),
    "json": lambda lines, code: json.dumps({"a": list(lines)}, ensure_ascii=False, indent=1),
    "yaml": _yaml,
    "csv": lambda lines, code: _csv(lines),
    "tmx": _tmx,
    "xliff": _xliff,
}  # fmt: skip
ARCHIVES = {"docx", "pptx", "xlsx", "odt", "epub"}
WITHOUT_TAGS = {"docx", "pptx", "xlsx", "odt", "tmx", "xliff"}
QUOTED = {"po", "json", "yaml"}
BILINGUAL = {"po", "csv", "tmx", "xliff"}  # the source stays beside its translation


def written(data, format_):
    """The characters of a document's text and markup."""
    text = (data if format_ not in ARCHIVES else b"".join(unzipped(data).values())).decode()
    return text.replace('\\"', '"') if format_ in QUOTED else html.unescape(text)


def as_read(line, sample):
    """A line with single spaces, as documents hand it on; those of Mongolian stand inside words."""
    return line if sample.script == "Mong" else re.sub(r"\s", " ", line)


def test_there_is_a_document_of_every_kind():
    assert {each.name for each in all_formats()} == set(MAKERS)


@pytest.mark.parametrize("format_", MAKERS)
def test_documents(format_):
    """The sentences are read; whatever a translator answers, what is protected stays as it is."""
    for number, sample in enumerate(SAMPLES):
        foreign = SAMPLES[number - 1]
        made = MAKERS[format_](sample.lines, sample.language)
        data = made if isinstance(made, bytes) else made.encode()
        document = open_document(data, format_, sample.language, foreign.language)
        found = texts(document)
        expected = [as_read(each, sample) for each in (*sample.sentences, *sentences_of(sample))]
        assert found[: len(expected)] == expected
        if format_ not in BILINGUAL:
            assert document.rebuild(found) == data
        before = written(data, format_)
        protected = {span for _, spans in sample.shielded for span in spans}
        for answers in (
            [f"({each})" for each in found],
            [" ".join(reversed(each.split())) for each in found],
            [foreign.sentences[index % len(foreign.sentences)] for index, _ in enumerate(found)],
        ):
            after = written(document.rebuild(answers), format_)
            assert format_ in BILINGUAL or after.count("\n") == before.count("\n")
            for span in protected:
                if not (TAG.fullmatch(span) and format_ in WITHOUT_TAGS):
                    copies = 2 if format_ in BILINGUAL else 1
                    assert after.count(span) == copies * before.count(span), (sample.language, span)


# Translation.


@pytest.fixture(scope="module")
def parent(vocabulary):
    """An untrained one, whose translations are any pieces of any script; longer lines do not fit it."""
    with families.one_thread():
        yield Parent.create(vocabulary, vocabulary, "fr", "en", tiny_models.SIZE, max_positions=40)


@pytest.mark.parametrize("engine", ["pytorch", "ctranslate2"])
def test_both_engines(parent, engine):
    options = DecodingOptions(beam_size=1, max_new_tokens=8)
    translator = Translator(parent, engine=engine)
    assert translator.engine.name == engine
    assert any(
        len(translator.engine.source.encode(line)) > translator.engine.max_source_tokens for line in LINES
    )
    for number, sample in enumerate(SAMPLES):
        codes = {"language": sample.language, "target_language": SAMPLES[number - 1].language}
        lines = ["", *sample.lines]
        found = list(translate_lines(translator.engine, lines, options, **codes))
        assert len(found) == len(lines)
        assert found[0] == "" and all("\n" not in each for each in found)
        assert_protected(sample, found)


# The server.


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    """One that translates from every language into English."""
    packs = tmp_path_factory.mktemp("packs")
    for sample in SAMPLES:
        folder = shutil.copytree(tiny / "packs" / "de-en", packs / sample.language)
        manifest = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        manifest |= {"source_language": sample.language, "name": f"{sample.language}-en"}
        (folder / "pack.json").write_bytes(pack_json.sealed(manifest))
    made = toy_server.build(tiny / "parents" / "fr-en", packs)
    yield made
    made.service.stop()


@pytest.mark.parametrize("format_", ["text", "html"])
def test_the_server(server, format_):
    for sample in SAMPLES:
        lines = sample.lines if format_ == "text" else [_in_html(line) for line in sample.lines]
        response = server.translate(lines, sample.language, "en", format=format_)
        assert response.status_code == 200, response.text
        found = response.json()["translatedText"]
        assert len(found) == len(lines)
        if sample.has_ends:
            marks = [
                len(re.findall("en:", each, re.IGNORECASE)) for each in found[: len(sample.sentences) + 1]
            ]
            assert marks == [*[1] * len(sample.sentences), len(sample.sentences)]
        assert_protected(sample, found if format_ == "text" else [html.unescape(each) for each in found])


def test_detection_on_the_server(server):
    """What it finds is written in the text's script; whatever it finds, nothing is lost."""
    response = server.translate(LINES, "auto", "en")
    body = response.json()
    assert len(body["translatedText"]) == len(body["detectedLanguage"]) == len(LINES)
    found = iter(zip(body["translatedText"], body["detectedLanguage"], strict=True))
    for sample in SAMPLES:
        translations, detected = zip(*(next(found) for _ in sample.lines))
        assert_protected(sample, translations)
        for each in detected:
            assert sample.script in scripts_of(each["language"]) or each["confidence"] == 0


def test_files_on_the_server(server):
    for sample in SAMPLES:
        data = "".join(f"{line}\n" for line in sample.lines).encode()
        response = server.upload(data=data, source=sample.language)
        assert response.status_code == 200, response.text
        found = server.get(response.json()["translatedFileUrl"]).text.split("\n")
        assert len(found) == len(sample.lines) + 1
        assert_protected(sample, found[:-1])
