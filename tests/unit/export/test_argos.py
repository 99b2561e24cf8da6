"""Argos packages: what is in them, that Argos' own steps give our translations, and what is refused."""

from __future__ import annotations

import json
import zipfile
from types import SimpleNamespace

import ctranslate2
import pytest
import sentencepiece

import parents
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError
from crosslate.export.formats.argos import (
    argos_code,
    export_argos,
    joined_by_argos,
    package_metadata,
    with_control_piece,
)
from crosslate.export.sentence_model import sentence_model
from crosslate.text.protobuf import fields
from crosslate.text.vocabularies import Frame, Vocabulary

TEXTS = ["der Hund sieht die Katze", "ein Vogel singt", "Wald"]


@pytest.fixture(scope="module")
def child():
    parent = parents.parent("marian-separate")
    german = parents.vocabulary(70, parents.special_of(parent.model))
    made = parents.child(parent, source=german)
    parents.shake(made)
    return made


@pytest.fixture(scope="module")
def unpacked(child, tmp_path_factory):
    folder = tmp_path_factory.mktemp("argos")
    export_argos(child, folder / "model.argosmodel", ("de", "en"), readme="# German to English\n")
    with zipfile.ZipFile(folder / "model.argosmodel") as package:
        package.extractall(folder)
    return folder


def test_the_files_of_a_package(unpacked):
    assert {path.name for path in unpacked.iterdir()} == {"model.argosmodel", "translate-de_en-1_0"}
    package = unpacked / "translate-de_en-1_0"
    found = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert found == {
        "metadata.json", "README.md", "sentencepiece.model", "minisbd/sentences.onnx", "model/model.bin",
        "model/config.json", "model/source_vocabulary.json", "model/target_vocabulary.json",
    }  # fmt: skip
    described = json.loads((package / "metadata.json").read_text())
    assert described["from_code"] == "de" and described["to_name"] == "English"
    assert described["type"] == "translate" and described["package_version"] == "1.0"
    assert json.loads((package / "model/config.json").read_text())["add_source_eos"] is True


def test_argos_steps_give_our_translations(child, unpacked):
    package = unpacked / "translate-de_en-1_0"
    segmenter = sentencepiece.SentencePieceProcessor(model_file=str(package / "sentencepiece.model"))
    translator = ctranslate2.Translator(str(package / "model"), inter_threads=1, intra_threads=1)
    results = translator.translate_batch(
        [segmenter.encode(text, out_type=str) for text in TEXTS],
        replace_unknowns=True, beam_size=4, length_penalty=0.2, max_decoding_length=12,
    )  # fmt: skip
    options = DecodingOptions(beam_size=4, length_penalty=0.2, max_new_tokens=12)
    for result, (ours,) in zip(results, TorchEngine(child).translate(TEXTS, options), strict=True):
        assert tuple(result.hypotheses[0]) == ours.pieces
        found = segmenter.decode_pieces(result.hypotheses[0]).replace("▁", " ").replace("_", " ").strip()
        assert found == ours.text.replace("_", " ").strip()


def test_codes_are_written_as_argos_does():
    given = {"de": "de", "fra_Latn": "fr", "zh-Hans": "zh", "zho_Hant": "zt", "pt-BR": "pb", "en-GB": "en-gb"}
    assert {code: argos_code(code) for code in given} == given


def test_a_code_before_every_translation():
    assert "target_prefix" not in package_metadata(("de", "en"))
    assert package_metadata(("de", "en"), "eng_Latn")["target_prefix"] == "eng_Latn"
    plain = parents.vocabulary(70)
    changed = Vocabulary(with_control_piece(plain.model, "eng_Latn"))
    assert changed.pieces == (*plain.pieces, "eng_Latn")
    for text in (*TEXTS, "eng_Latn"):
        assert changed.encode(text) == plain.encode(text)
    pieces = ["eng_Latn", "▁Hund", ".", "eng_Latn", "▁die", "▁Xylophone"]
    assert joined_by_argos(changed.segmenter, pieces) == "Hund. die Xylophone"
    assert with_control_piece(changed.model, "eng_Latn") == changed.model


def test_what_argos_has_no_place_for_is_named(child, tmp_path):
    special = child.source.special
    odd = child.source.framed(Frame((special.eos, special.eos), (special.eos, special.unk), "translate: "))
    model = SimpleNamespace(model=child.model, source=odd, target=child.target)
    with pytest.raises(
        EngineError, match=r"(?s)2 faults.*the prefix 'translate: '.*source sentences have the pieces"
    ):
        export_argos(model, tmp_path / "x.argosmodel", ("de", "en"))
    assert list(tmp_path.iterdir()) == []


def test_a_piece_of_the_target_that_would_be_lost_is_refused(child, tmp_path):
    model = with_control_piece(child.source.model, "<0x41>")
    source = Vocabulary(model, child.source.pieces, child.source.special)
    pieces = [*child.target.pieces[:-1], "<0x41>"]
    named = Vocabulary(child.target.segmenter, pieces, child.target.special)
    model = SimpleNamespace(model=child.model, source=source, target=named)
    with pytest.raises(EngineError, match="Argos joins pieces with the source's SentencePiece model"):
        export_argos(model, tmp_path / "x.argosmodel", ("de", "en"))
    assert list(tmp_path.iterdir()) == []


def sentence_ends(text):
    """The network of the sentence model, computed from the file alone."""
    import numpy

    model = list(fields(sentence_model()))
    graph = next(value for number, value, _ in model if number == 7)
    tensors = {}
    for number, value, _ in fields(graph):
        if number == 5:
            parts = list(fields(value))
            shape = [each for kind, each, _ in parts if kind == 1]
            name, raw = (next(each for kind, each, _ in parts if kind == wanted) for wanted in (8, 9))
            tensors[name.decode()] = numpy.frombuffer(raw, "<f4").reshape(shape)
    metadata = [list(fields(value)) for number, value, _ in model if number == 14]
    ids = json.loads(next(text[1] for (_, name, _), text in metadata if name == b"vocab"))["_unit2id"]
    classes = tensors["table"][[ids.get(character, 1) for character in text]].T
    padded = numpy.pad(classes, ((0, 0), (2, 2)))
    windows = numpy.stack([padded[:, at : at + 5] for at in range(len(text))])
    cases = numpy.einsum("lkw,ckw->cl", windows, tensors["kernel"])
    found = numpy.maximum(cases + tensors["biases"][:, None], 0)
    scores = tensors["scores"][:, :, 0] @ found + tensors["default"][:, None]
    return [index + 1 for index in range(len(text)) if scores[:, index].argmax() == 2]


@pytest.mark.parametrize(
    "marked",
    [
        "Der Hund schläft.| Die Katze nicht",
        "Wirklich?!| Ja",  # the last of several
        'Er sagt: "Ja."| Gut (so.)| Nun',  # closing quotes and brackets belong to the sentence
        "etwa z.B. heute, 3.5 Meter",  # no end before lower case or without a space
        "这是。|那是！|「好。」|是",  # scripts without spaces
    ],
)
def test_where_sentences_end(marked):
    *ended, _ = marked.split("|")
    wanted = [sum(map(len, ended[: number + 1])) for number in range(len(ended))]
    assert sentence_ends(marked.replace("|", "")) == wanted
