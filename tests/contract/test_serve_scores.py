"""How sure the server's models are of what they translate: ``scores`` of /translate, and /v1/scores."""

from __future__ import annotations

import pytest

from crosslate.engines.pytorch import TorchEngine
from crosslate.packs.manifest import Calibration, Curve
from crosslate.server.backends import Model
from crosslate.translation.confidence import confidences
from toy_server import error

PAIR = {"q": "Hund sieht Katze.", "translation": "dog sees cat.", "source": "de", "target": "en"}
CURVE = Curve(intercept=0.0, slope=0.5, doubtful=0.9)


@pytest.fixture
def scoring(server, monkeypatch):
    """A server whose models tell how sure they are; what they translate stays marked."""
    backend = server.backend

    def model(direction):
        return Model(direction, TorchEngine(backend.live.model(direction)), backend.translate)

    monkeypatch.setattr(backend, "model", model)
    return server


def engine(server, direction):
    return TorchEngine(server.backend.live.model(server.service.snapshot().directions[direction]))


def test_a_translation_that_is_given(scoring):
    (sentence,) = scoring.post("/v1/scores", PAIR).json()["sentences"]
    (expected,) = confidences(engine(scoring, ("de", "en")), [(PAIR["q"], PAIR["translation"])], ("de", "en"))
    assert (sentence["start"], sentence["end"], sentence["expectedChrf"]) == (0, 13, None)
    assert sentence["probability"] == pytest.approx(expected.probability, abs=1e-4)
    assert [(word["start"], word["end"]) for word in sentence["words"]] == [(0, 3), (4, 8), (9, 12)]
    assert [word["probability"] for word in sentence["words"]] == pytest.approx(
        [word.probability for word in expected.words], abs=1e-4
    )
    assert {word["likelihood"] for word in sentence["words"]} == {None}
    assert sentence["doubtful"] and all(word["doubtful"] for word in sentence["words"])


def test_sentences_are_found_in_their_lines_and_characters(scoring):
    fields = PAIR | {"q": "😀 Hund.\n\nKatze sieht. Hund.", "translation": "😀 dog.\n\ncat sees. dog."}
    found = scoring.post("/v1/scores", fields).json()["sentences"]
    shown = [fields["translation"][each["start"] : each["end"]].strip() for each in found]
    assert shown == ["😀 dog.", "cat sees.", "dog."]
    words = [fields["translation"][word["start"] : word["end"]] for each in found for word in each["words"]]
    assert words == ["dog", "cat", "sees", "dog"]


def test_translations_with_their_scores(scoring):
    one = scoring.translate("Hund.", scores=True).json()
    assert one["translatedText"] == "En:hund."
    assert [(each["start"], each["end"]) for each in one["scores"]] == [(0, 8)]
    several = scoring.translate(["Hund.", "", "Hund. Katze."], scores="true").json()
    assert [len(each) for each in several["scores"]] == [1, 0, 2]
    assert several["scores"][0] == one["scores"]
    assert "scores" not in scoring.translate("Hund.").json()
    assert "scores" not in scoring.translate("Hund.", scores=False).json()
    assert scoring.translate("<p>Hund.</p>", format="html", scores=True).json()["scores"] == []
    # In one language it stays as it is.
    assert scoring.translate("dog", source="en", target="en", scores=True).json()["scores"] == []
    form = {"q": "Hund.", "source": "de", "target": "en", "scores": "1"}
    assert scoring.client.post("/translate", data=form).json()["scores"] == one["scores"]


def test_a_calibration_of_the_pack_is_applied(scoring, monkeypatch):
    calibration = Calibration(sentence=CURVE, word=CURVE, sentences=60, spearman=0.4, signature="nrefs:1")
    monkeypatch.setattr("crosslate.server.translation.calibration_of", lambda manifests: calibration)
    (sentence,) = scoring.post("/v1/scores", PAIR).json()["sentences"]
    assert sentence["expectedChrf"] == pytest.approx(100 * CURVE.expected(sentence["probability"]), abs=0.2)
    word = sentence["words"][0]
    assert word["likelihood"] == pytest.approx(CURVE.expected(word["probability"]), abs=1e-3)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"translation": ""}, "Invalid request: missing translation parameter"),
        ({"q": "x" * 5001}, "Invalid request: request (5001) exceeds text limit (5000)"),
        ({"target": "de"}, "No single model translates de to de, so there are no scores"),
    ],
)
def test_refusals(scoring, fields, expected):
    assert error(scoring.post("/v1/scores", PAIR | fields), 400) == expected


def test_what_is_neither_true_nor_false_is_refused(scoring):
    for given in ("maybe", 2, ["true"]):
        assert error(scoring.translate("Hund.", scores=given), 400).endswith("is neither true nor false")


def test_no_more_wait_than_in_the_queue(scoring, monkeypatch):
    monkeypatch.setattr(scoring.service.translations, "_most_scoring", 0)
    response = scoring.post("/v1/scores", PAIR)
    assert error(response, 503) == "Too many requests for scores are waiting"
    assert response.headers["retry-after"] == "2"


def test_the_description_has_both(scoring):
    described = scoring.get("/openapi.json").json()
    body = described["paths"]["/translate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "another pass" in body["properties"]["scores"]["description"]
    assert "/v1/scores" in described["paths"]
    stream = described["paths"]["/v1/stream"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "scores" not in stream["properties"]
