"""Translations over HTTP: encodings, shapes, alternatives, detection."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crosslate.server.catalogue import Direction
from toy_server import FRENCH, GERMAN, HUND, TRANSLATED, error, events


class TestEncodings:
    """JSON, form, multipart and query string mean the same."""

    @pytest.mark.parametrize(
        "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json", "Application/JSON"]
    )  # fmt: skip
    def test_json(self, server, kind):
        response = server.client.post("/translate", content=json.dumps(HUND), headers={"Content-Type": kind})
        assert (response.status_code, response.json()) == (200, TRANSLATED)

    def test_form(self, server):
        assert server.client.post("/translate", data=HUND).json() == TRANSLATED

    def test_multipart(self, server):
        fields = {name: (None, value) for name, value in HUND.items()}
        assert server.client.post("/translate", files=fields).json() == TRANSLATED

    def test_query_string(self, server):
        assert server.client.post("/translate", params=HUND).json() == TRANSLATED

    def test_form_and_query_are_merged(self, server):
        response = server.client.post(
            "/translate", params={"q": "Hund."}, data={"source": "de", "target": "en"}
        )
        assert response.json() == TRANSLATED

    def test_json_ignores_the_query(self, server):
        response = server.client.post("/translate", params={"target": "es"}, json=HUND)
        assert response.json() == TRANSLATED

    def test_of_a_repeated_form_field_the_first_counts(self, server):
        response = server.client.post(
            "/translate",
            content="q=Hund.&q=Katze.&source=de&target=en",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert response.json() == TRANSLATED

    @pytest.mark.parametrize("kind", ["text/plain", None])
    def test_a_body_of_another_kind_is_not_read(self, server, kind):
        headers = {"Content-Type": kind} if kind else {}
        response = server.client.post("/translate", content=json.dumps(HUND), headers=headers)
        assert error(response, 400) == "Invalid request: missing q parameter"

    def test_unknown_fields_are_ignored(self, server):
        more = {"secret": "x", "anything": [1]}
        assert server.post("/translate", HUND | more).json() == TRANSLATED

    @pytest.mark.parametrize("key", ["", None, "any"])
    def test_without_keys_an_api_key_means_nothing(self, server, key):
        assert server.post("/translate", HUND | {"api_key": key}).json() == TRANSLATED

    def test_a_form_ends_lines_its_own_way(self, server):
        response = server.client.post("/translate", data=HUND | {"q": "Hund\r\nKatze\r\n"})
        assert response.json() == {"translatedText": "En:hund\nEn:katze"}
        response = server.translate("Hund\r\nKatze\r\n")
        assert response.json() == {"translatedText": "En:hund\r\nEn:katze\r\n"}

    def test_a_long_query_string(self, server):
        text = "Hund. " * 5_000
        response = server.client.post("/translate", params=HUND | {"q": text})
        assert response.json()["translatedText"].split() == ["En:hund."] * 5_000

    def test_raw_and_escaped_letters_in_a_form(self, server):
        for body in ("q=schläft&source=de&target=en".encode(), b"q=schl%C3%A4ft&source=de&target=en"):
            response = server.client.post(
                "/translate", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
            )
            assert response.json() == {"translatedText": "en:schläft"}


class TestTranslate:
    def test_a_list_gives_a_list_in_order(self, server):
        texts = ["Hund.", "", "Katze.", "  ", "Hund."]
        assert server.translate(texts).json() == {
            "translatedText": ["En:hund.", "", "En:katze.", "  ", "En:hund."]
        }

    def test_a_list_of_one_stays_a_list(self, server):
        assert server.translate(["Hund."]).json() == {"translatedText": ["En:hund."]}
        assert server.translate("Hund.").json() == TRANSLATED

    def test_a_list_is_one_batch_and_equal_sentences_are_translated_once(self, server):
        server.backend.batches.clear()
        server.translate(["Eins zwei. Drei vier.", "Drei vier.", "Fünf."])
        assert server.backend.batches == [["Eins zwei.", "Drei vier.", "Fünf."]]

    @pytest.mark.parametrize("text", [" ", "\n\n", "\t \r\n"])
    def test_blanks_come_back_as_they_are(self, server, text):
        assert server.translate(text).json() == {"translatedText": text}

    def test_line_breaks_are_kept_even_the_first(self, server):
        assert server.translate("\nHund.\n\n  Katze.\n").json() == {
            "translatedText": "\nEn:hund.\n\n  En:katze.\n"
        }

    def test_the_same_language_is_the_same_text(self, server):
        assert server.translate("Hund &amp; Katze", target="de").json() == {
            "translatedText": "Hund &amp; Katze"
        }

    @pytest.mark.parametrize("text", ["😀", "😀 🐈‍⬛!", "12:30", "…"])
    def test_without_letters_nothing_changes(self, server, text):
        assert server.translate(text).json() == {"translatedText": text}
        assert server.translate(text, source="auto").json() == {
            "translatedText": text, "detectedLanguage": {"confidence": 0.0, "language": "en"},
        }  # fmt: skip

    def test_entities_are_characters_in_text(self, server):
        assert server.translate("Hund &lt;b&gt;").json() == {"translatedText": "En:hund <b>"}

    def test_html_keeps_its_tags_and_entities(self, server):
        text = "<p>&lt;img src=x onerror=y&gt;</p>"
        answer = server.translate(f'<a href="?a=1&amp;b">Hund</a>{text}', format="html").json()[
            "translatedText"
        ]
        assert '<a href="?a=1&amp;b">' in answer
        assert "<img" not in answer and "&lt;" in answer

    @pytest.mark.parametrize("given", ["text", "", None])
    def test_text_is_the_format_where_nothing_is_said(self, server, given):
        assert server.translate("Hund &amp;", format=given).json() == {"translatedText": "En:hund &"}

    @pytest.mark.parametrize(
        ("source", "target"),
        [("DE", "EN"), ("de-DE", "en_US"), ("de_AT", "en-GB"), ("De", "en")],
    )
    def test_codes_in_any_spelling(self, server, source, target):
        assert server.translate("Hund.", source, target).json() == TRANSLATED

    def test_zero_shot(self, server):
        assert server.translate("Hund.", "de", "es").json() == {"translatedText": "Es:hund."}

    def test_a_long_sentence_is_cut_and_no_word_lost(self, server):
        words = [f"wort{number}" for number in range(200)]
        answer = server.translate(" ".join(words) + ".").json()["translatedText"]
        assert [word.split(":")[-1].rstrip(".") for word in answer.split()] == words


class TestWhatIsNoText:
    """Tags, placeholders, addresses and what must not be translated come back as they were."""

    @pytest.mark.parametrize("kept", ["%1$s", "{name}", "https://example.org/a?b=c&d", "😀", "${x}"])
    def test_placeholders(self, server, kept):
        answer = server.translate(f"Der Hund {kept} schläft.").json()["translatedText"]
        assert kept in answer
        assert not any(kept in text for batch in server.backend.batches for text in batch)

    def test_translate_no(self, server):
        text = 'Hund <span translate="no">Katze</span> Haus.'
        answer = server.translate(text, format="html").json()["translatedText"]
        assert '<span translate="no">Katze</span>' in answer

    def test_scripts_and_comments(self, server):
        text = "<script>var hund = 1;</script><!-- Hund --><p>Katze.</p>"
        answer = server.translate(text, format="html").json()["translatedText"]
        assert answer == "<script>var hund = 1;</script><!-- Hund --><p>En:katze.</p>"


def test_through_a_third_language(make_server):
    """No tiny pack reads English or Spanish, so one direction is turned round for the time of the test."""
    server = make_server()
    catalogue = server.service._catalogue
    first, second = catalogue.snapshot.directions[("de", "en")], catalogue.snapshot.directions[("fr", "es")]
    second = replace(second, source="en", target="ru")
    pivot = Direction("de", "ru", "pivot", legs=(first, second))
    catalogue.snapshot = replace(catalogue.snapshot, directions={("de", "ru"): pivot})
    server.backend.batches.clear()
    answer = server.translate(["Hund.", "Katze."], target="ru", alternatives=1).json()
    assert answer["translatedText"] == ["Ru:en:hund.", "Ru:en:katze."]
    assert server.backend.batches == [["Hund.", "Katze."], ["en:hund.", "en:katze."]]
    assert len(answer["alternatives"][0]) == 1
    (german, *_) = server.get("/languages").json()
    assert (german["code"], german["targets"], german["pivot"]) == ("de", ["de", "ru"], ["ru"])


class TestAlternatives:
    def test_as_many_as_asked_for(self, server):
        answer = server.translate("Hund", alternatives=2).json()
        assert answer == {"translatedText": "En:hund", "alternatives": ["En:hund*", "En:hund**"]}

    def test_of_a_list(self, server):
        answer = server.translate(["Hund", "12"], alternatives=1).json()
        assert answer == {"translatedText": ["En:hund", "12"], "alternatives": [["En:hund*"], []]}

    def test_none_of_html(self, server):
        answer = server.translate("<b>Hund</b>", alternatives=2, format="html").json()
        assert answer["alternatives"] == []

    @pytest.mark.parametrize("given", [0, -3, None, "", "0", "-1"])
    def test_none_asked_for(self, server, given):
        assert "alternatives" not in server.translate("Hund", alternatives=given).json()

    @pytest.mark.parametrize("given", ["2", 2.0, " 2 "])
    def test_numbers_in_other_clothes(self, server, given):
        assert len(server.translate("Hund", alternatives=given).json()["alternatives"]) == 2

    @pytest.mark.parametrize("given", ["x", [1], {}, True, "1e1", "²", "9" * 5000])
    def test_no_number(self, server, given):
        message = error(server.translate("Hund", alternatives=given), 400)
        assert message == "Invalid request: alternatives parameter is not a number"

    def test_infinity(self, server):
        body = '{"q": "Hund", "source": "de", "target": "en", "alternatives": Infinity}'
        response = server.client.post(
            "/translate", content=body, headers={"Content-Type": "application/json"}
        )
        assert "not a number" in error(response, 400)

    def test_too_many(self, make_server):
        limited = make_server(limits={"alternatives": 3})
        assert len(limited.translate("Hund", alternatives=3).json()["alternatives"]) == 3
        message = error(limited.translate("Hund", alternatives=4), 400)
        assert message == "Invalid request: alternatives parameter must be <= 3"


class TestDetection:
    def test_detect(self, server):
        found = server.post("/detect", {"q": GERMAN}).json()
        assert found[0]["language"] == "de" and 50 < found[0]["confidence"] <= 100
        assert {each["language"] for each in found} <= {"de", "en", "es", "fr"}
        assert [each["confidence"] for each in found] == sorted(
            (each["confidence"] for each in found), reverse=True
        )

    def test_unknown_is_english_without_confidence(self, server):
        assert server.post("/detect", {"q": "😀"}).json() == [{"confidence": 0.0, "language": "en"}]

    def test_translate_says_what_it_took_a_text_for(self, server):
        answer = server.translate(GERMAN, source="auto").json()
        assert set(answer) == {"translatedText", "detectedLanguage"}
        assert answer["detectedLanguage"]["language"] == "de"
        assert isinstance(answer["detectedLanguage"]["confidence"], float)

    def test_of_a_list_each_by_itself(self, server):
        answer = server.translate([GERMAN, FRENCH, ""], source="auto", target="es").json()
        assert [each["language"] for each in answer["detectedLanguage"]][:2] == ["de", "fr"]
        assert len(answer["translatedText"]) == 3 and answer["translatedText"][2] == ""

    def test_not_without_auto(self, server):
        assert "detectedLanguage" not in server.translate(GERMAN).json()

    @pytest.mark.parametrize("q", ["😀", ["😀"], [GERMAN, "😀"]])
    def test_nothing_to_tell_is_no_error_even_where_english_cannot_be_translated(self, server, q):
        answer = server.translate(q, source="auto", target="es").json()
        last = [answer["translatedText"]] if isinstance(q, str) else answer["translatedText"]
        assert last[-1] == "😀"
        detected = [answer["detectedLanguage"]] if isinstance(q, str) else answer["detectedLanguage"]
        assert detected[-1] == {"confidence": 0.0, "language": "en"}

    def test_a_language_that_cannot_be_translated_into_the_target(self, server):
        message = error(server.translate("The dog sleeps in the big house.", source="auto", target="es"), 400)
        assert message == "Spanish (es) is not available as a target language from English (en)"

    def test_what_needs_no_translation(self, server):
        answer = server.translate("The dog sleeps in the big house.", source="auto").json()
        assert answer["translatedText"] == "The dog sleeps in the big house."
        assert answer["detectedLanguage"]["language"] == "en"


class TestStream:
    def test_sentence_by_sentence(self, server):
        found = events(server.post("/v1/stream", HUND | {"q": "Hund. Katze.\nHaus."}))
        assert found == [
            ("start", {"source": "de", "target": "en"}),
            ("sentence", {"index": 0, "source": "Hund.", "translation": "En:hund."}),
            ("sentence", {"index": 1, "source": "Katze.", "translation": "En:katze."}),
            ("sentence", {"index": 2, "source": "Haus.", "translation": "En:haus."}),
            ("end", {"translatedText": "En:hund. En:katze.\nEn:haus."}),
        ]

    def test_the_first_sentences_do_not_wait_for_the_last(self, server):
        sentences = [f"Das ist der Satz {number}." for number in range(100)]
        server.backend.batches.clear()
        found = events(server.post("/v1/stream", HUND | {"q": " ".join(sentences)}))
        assert [data["source"] for name, data in found if name == "sentence"] == sentences
        assert max(map(len, server.backend.batches)) < 12
        server.backend.batches.clear()
        server.translate(" ".join(sentences))
        assert len(server.backend.batches) == 1

    def test_detected_and_identical(self, server):
        found = events(server.post("/v1/stream", HUND | {"q": GERMAN, "source": "auto", "target": "de"}))
        assert [name for name, _ in found] == ["start", "end"]
        assert found[0][1]["detectedLanguage"]["language"] == "de"
        assert found[1][1] == {"translatedText": GERMAN}

    def test_a_failure_on_the_way(self, server):
        found = events(server.post("/v1/stream", HUND | {"q": "Explode!"}))
        assert [name for name, _ in found] == ["start", "error"]

    def test_refusals_have_a_status(self, server):
        error(server.post("/v1/stream", HUND | {"target": "zz"}), 400)
        error(server.post("/v1/stream", HUND | {"q": ["a"]}), 400)
