"""Glossaries of the server: in requests, beside packs, and what is refused."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.packs.manifest import read_manifest
from crosslate.server.answers import Refusal
from crosslate.server.catalogue import Direction, InstalledPack
from crosslate.server.routes.translate import TranslateFields
from crosslate.server.service import Service
from crosslate.server.settings import Limits, QueueSettings, ServerSettings
from crosslate.server.terms import check_one_model
from crosslate.server.translation import Usage, _Request
from crosslate.text.glossaries import Glossary
from crosslate.text.term_annotations import TermMarkers
from toy_server import Server, error, events

BUCH = {"q": "das Buch", "source": "de", "target": "en"}
TERMS = {"Buch": "house"}


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    for name in ("de-en", "fr-es"):
        shutil.copytree(tiny / "packs" / name, folder / name)
    (folder / "de-en.glossary.tsv").write_text("de\ten\nKatze\tred\nBuch\tcat\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=["pytorch", "ctranslate2"])
def served(request, tiny, folder):
    """A server with a real engine."""
    service = Service(
        ServerSettings(
            parent=str(tiny / "parents" / "fr-en"), packs=folder, engine=request.param, pivot=True,
            options=DecodingOptions(beam_size=2, max_new_tokens=8), limits=Limits(terms=3),
            queue=QueueSettings(window_milliseconds=0),
        )
    )  # fmt: skip
    service.load()
    yield Server(service, service.backend)
    service.stop()


GIVEN = {
    "an object": {"json": BUCH | {"glossary": TERMS}},
    "pairs": {"json": BUCH | {"glossary": [["Hund", "dog"], ["Buch", "house"]]}},
    "a form": {"data": BUCH | {"glossary": "Buch\thouse\r\n"}},
    "a form with the languages": {"data": BUCH | {"glossary": "en\tde\nhouse\tBuch"}},
}


@pytest.mark.parametrize("request_", GIVEN.values(), ids=GIVEN)
def test_requests(served, request_):
    response = served.client.post("/translate", **request_)
    assert response.status_code == 200, response.text
    body = response.json()
    assert "house" in body["translatedText"].lower() and set(body) == {"translatedText"}


def test_no_glossary(served):
    plain = served.translate("Kind").json()
    for empty in (None, "", [], {}):
        assert served.translate("Kind", glossary=empty).json() == plain


def test_a_list_html_and_alternatives(served):
    body = served.translate(["Buch", "", "Kind"], glossary=TERMS, alternatives=1).json()
    assert "house" in body["translatedText"][0].lower() and body["translatedText"][1] == ""
    assert len(body["alternatives"]) == 3
    body = served.translate("<p>das <b>Buch</b></p>", glossary=TERMS, format="html").json()
    assert "house" in body["translatedText"].lower() and body["translatedText"].count("<b>") == 1


def test_missed_terms_are_named(served):
    body = served.translate(["Hund", "Buch"], glossary={"Hund": "犬", "Buch": "house"}).json()
    assert len(body["translatedText"]) == 2 and body["missedTerms"] == [["Hund", "犬"]]


def test_a_stream(served):
    found = events(
        served.post("/v1/stream", BUCH | {"q": "das Buch. Hund.", "glossary": TERMS | {"Hund": "犬"}})
    )
    assert "house" in found[-1][1]["translatedText"].lower()
    assert found[-1][0] == "end" and found[-1][1]["missedTerms"] == [["Hund", "犬"]]


def test_a_file(served, monkeypatch):
    monkeypatch.setattr("crosslate.server.translation._SMALL_CHARACTERS", 20_000)  # start no worker
    response = served.upload(data=b"Buch.\nHund.\n", glossary="Buch\thouse\nHund\t犬")
    assert response.json()["missedTerms"] == [["Hund", "犬"]]
    path = response.json()["translatedFileUrl"].partition("/download_file")[2]
    assert "house" in served.get("/download_file" + path).text.lower()


def test_the_glossary_beside_a_pack_and_that_of_a_request_before_it(served):
    body = served.translate("Katze, das Buch").json()
    assert "red" in body["translatedText"].lower() and "cat" in body["translatedText"].lower()
    body = served.translate("Katze, das Buch", glossary=TERMS).json()
    assert "red" in body["translatedText"].lower() and "house" in body["translatedText"].lower()
    # A composition is another pair.
    assert "missedTerms" not in served.translate("Katze", target="es").json()


INVALID = "Invalid request: glossary parameter"
SHAPE = INVALID + " is neither an object of terms, a list of pairs nor TSV"
REFUSED = {
    "a number": ({"glossary": 5}, SHAPE),
    "texts": ({"glossary": ["Buch"]}, SHAPE),
    "three columns": ({"glossary": [["a", "b", "c"]]}, SHAPE),
    "nested": ({"glossary": {"a": ["b"]}}, SHAPE),
    "an empty term": (
        {"glossary": {"Buch": " "}},
        INVALID + ": cannot read the glossary: the glossary, term 1: the",
    ),
    "a term twice": ({"glossary": [["a", "b"], ["a", "c"]]}, "the term 'a' is in term 1 already"),
    "TSV": ({"glossary": "Buch"}, "glossary, line 1: has 1 column(s)"),
    "other languages": (
        {"glossary": "fr\ten\na\tb"},
        "names the columns 'fr' and 'en'; expected 'de' and 'en'",
    ),
    "too many": ({"glossary": {str(n): "a" for n in range(4)}}, INVALID + " has 4 terms, the limit is 3"),
    "too long": ({"glossary": {"a": "b" * 201}}, INVALID + ": a term has 201 characters, the limit is 200"),
    "an unknown language": (
        {"glossary": TERMS, "source": "auto"},
        "needs the language of its terms, but source is",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(served, changes, message):
    assert message in error(served.post("/translate", BUCH | changes), 400)


LONG = {
    "an object": (TERMS, TERMS),
    "TSV": ("Buch\thouse", "Buch\thouse"),
    "pairs": ([["Buch", "house"], ["Hund", ["dog"]], 5], [["Buch", "house"], ["Hund", []], 5]),
    "a deep object": ({"Buch": {"a": {}}}, {"Buch": {}}),
    "more columns": ([["a"] * 9], [["a"] * 3]),
}


@pytest.mark.parametrize(("given", "kept"), LONG.values(), ids=LONG)
def test_long_bodies_keep_their_glossary_and_nothing_that_is_of_no_use(given, kept):
    assert TranslateFields.essence({"q": "a", "glossary": given}, 5)["glossary"] == kept


def test_long_bodies_do_not_keep_more_terms_than_any_limit_allows():
    for given in ({str(number): "a" for number in range(30_000)}, [["a", "b"]] * 30_000):
        assert len(TranslateFields.essence({"glossary": given}, 5)["glossary"]) == 10_001


def test_a_missing_field_is_told_first(served):
    assert "missing target parameter" in error(
        served.post("/translate", {"q": "a", "source": "de", "glossary": 5}), 400
    )


def test_glossaries_come_and_go(served, folder):
    path = folder / "de-en.glossary.tbx"
    catalogue = served.service._catalogue

    def changed(text, seconds):
        path.write_text(text, encoding="utf-8")
        os.utime(path, (seconds, seconds))
        return catalogue.refresh()

    terms = (
        '<tbx><text><body><conceptEntry><langSec xml:lang="de"><termSec><term>Hund</term></termSec></langSec>'
    )
    terms += '<langSec xml:lang="en"><termSec><term>{}</term></termSec></langSec></conceptEntry></body></text></tbx>'
    snapshot = changed(terms.format("man"), 1)
    assert len(snapshot.directions["de", "en"].glossary.terms) == 3 and not snapshot.refused
    # What cannot be read leaves what was read before.
    snapshot = changed("<tbx>", 2)
    assert "not well-formed XML" in snapshot.refused[path.name]
    assert len(snapshot.directions["de", "en"].glossary.terms) == 3
    path.unlink()
    lonely = folder / "xx-yy.glossary.tsv"
    lonely.write_text("a\tb\n", encoding="utf-8")
    snapshot = catalogue.refresh()
    assert snapshot.refused == {lonely.name: f"glossary {lonely.name} has no pack xx-yy beside it"}
    assert len(snapshot.directions["de", "en"].glossary.terms) == 2
    assert snapshot.directions["fr", "es"].glossary is None
    lonely.unlink()
    assert not catalogue.refresh().refused


def test_a_pack_that_has_learnt_terms_gets_them_in_its_text(folder):
    markers = TermMarkers(before="|", between="[", after="]")
    manifest = read_manifest(folder / "de-en" / "pack.json")
    glossary = Glossary([("Buch", "house")], "de", "en")
    for terms in (markers, None):
        pack = InstalledPack(folder / "de-en", manifest.changed(terms=terms), glossary=glossary)
        request = _Request([pack.direction], Usage(), Glossary([("Hund", "green man")], "de", "en"))
        found = request.glossaries[pack.direction.identity]
        annotated = found.annotated("Hund, Buch", found.matches("Hund, Buch"))
        assert annotated == ("| Hund[ green man],| Buch[ house]" if terms else "Hund, Buch")


def test_two_models_in_a_row_have_no_glossary_of_a_request():
    first, second = (Direction(*pair, "pack") for pair in (("de", "en"), ("en", "fr")))
    pivot, glossary = Direction("de", "fr", "pivot", legs=(first, second)), Glossary([("a", "b")], "de", "fr")
    with pytest.raises(Refusal, match="de to fr is translated in two steps"):
        check_one_model(glossary, pivot)
    check_one_model(None, pivot)
    check_one_model(glossary, first)
    check_one_model(glossary, None)


def test_it_is_described(served):
    schema = served.get("/openapi.json").json()["paths"]["/translate"]["post"]["requestBody"]["content"]
    field = schema["application/json"]["schema"]["properties"]["glossary"]
    assert [each["type"] for each in field["anyOf"]] == ["string", "object", "array", "null"]
    assert schema["multipart/form-data"]["schema"]["properties"]["glossary"]["type"] == "string"
    assert json.dumps(served.get("/spec").json()).count('"glossary"') >= 3
