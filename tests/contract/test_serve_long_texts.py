"""Long texts, lists and bodies, which another process prepares, are answered as short ones are."""

from __future__ import annotations

import pytest

from toy_server import FRENCH, GERMAN, error, events

MANY = 300
LINES, ANSWERS = "Hund {x}.\nKatze.\n", "En:hund {x}.\nEn:katze.\n"


def test_a_text(server):
    found = server.translate(LINES * MANY, alternatives=1).json()
    assert found["translatedText"] == ANSWERS * MANY
    (other,) = found["alternatives"]
    assert other.count("*") == 2 * MANY and other.replace("*", "") == ANSWERS * MANY


def test_html(server):
    found = server.translate("<p>Hund &amp; <b>Katze</b></p>" * MANY, format="html").json()
    assert found["translatedText"] == "<p>En:hund &amp; <b>katze</b></p>" * MANY


def test_a_list_of_several_languages(server):
    texts = [GERMAN, "", FRENCH, "Dog."] * 100
    found = server.translate(texts, source="auto").json()
    assert found == {
        name: values * 100 for name, values in server.translate(texts[:4], source="auto").json().items()
    }
    assert [each["language"] for each in found["detectedLanguage"][:3:2]] == ["de", "fr"]


def test_a_stream(server):
    fields = {"q": LINES * MANY, "source": "de", "target": "en"}
    found = events(server.post("/v1/stream", fields))
    assert found[0] == ("start", {"source": "de", "target": "en"})
    assert [each["translation"] for _, each in found[1:3]] == ["En:hund.", "En:katze."]
    assert len(found) == 2 * MANY + 2 and found[-1] == ("end", {"translatedText": ANSWERS * MANY})


@pytest.mark.parametrize("encoding", ["json", "data"])
def test_a_long_body(server, encoding):
    fields = {"q": LINES * MANY, "source": "de", "target": "en", "other": "x" * 200_000}
    assert server.client.post("/translate", **{encoding: fields}).json() == {
        "translatedText": (ANSWERS * MANY).removesuffix("\n" if encoding == "data" else "")
    }


def test_long_lists_are_refused_and_what_is_not_asked_for_is_left_out(server):
    texts = ["Hund."] * 30_000
    assert error(server.translate(texts), 400) == "Invalid request: request (30000) exceeds text limit (5000)"
    assert server.translate("Hund.", other=[texts, {"a": texts}]).json() == {"translatedText": "En:hund."}
    assert "q parameter is neither" in error(server.translate([texts, texts]), 400)


def test_a_document_that_cannot_be_read_is_refused_with_the_reason(server, monkeypatch):
    monkeypatch.setattr("crosslate.documents.flow._MAX_ITEMS", 3)
    text = "<b>Hund</b> <i>Katze</i>"
    message = error(server.translate(text, format="html"), 400)
    assert message.startswith(
        "Invalid request: the text cannot be read: a paragraph consists of more than 3 "
    )
    fields = {"q": text, "source": "de", "target": "en", "format": "html"}
    assert events(server.post("/v1/stream", fields))[-1] == ("error", {"error": message, "status": 400})
