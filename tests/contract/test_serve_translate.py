"""Translations over HTTP: encodings, shapes, alternatives, detection, streams."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crosslate.server.answers import Refusal
from crosslate.server.catalogue import Direction
from toy_server import FRENCH, GERMAN, HUND, TRANSLATED, error, events

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def as_json(kind):
    return {"content": json.dumps(HUND), "headers": {"Content-Type": kind}}


ENCODINGS = {
    "json": {"json": HUND},
    "json with a charset": as_json("application/json; charset=utf-8"),
    "json of a kind": as_json("application/vnd.api+json"),
    "json in capitals": as_json("Application/JSON"),
    "form": {"data": HUND},
    "multipart": {"files": {name: (None, value) for name, value in HUND.items()}},
    "query": {"params": HUND},
    "form and query": {"params": {"q": "Hund."}, "data": {"source": "de", "target": "en"}},
    "json beside a query": {"params": {"target": "es"}, "json": HUND},
    "a field twice, the first counts": {"content": "q=Hund.&q=Katze.&source=de&target=en", "headers": FORM},
    "another charset": {
        "content": "q=Hund.&source=de&target=en".encode("utf-16-le"),
        "headers": {"Content-Type": FORM["Content-Type"] + "; charset=UTF-16LE"},
    },
    "unknown fields": {"json": HUND | {"secret": "x", "anything": [1]}},
    "an empty key": {"json": HUND | {"api_key": ""}},
    "no key": {"json": HUND | {"api_key": None}},
    "a key that nobody asked for": {"json": HUND | {"api_key": "any"}},
}


class TestEncodings:
    @pytest.mark.parametrize("options", ENCODINGS.values(), ids=ENCODINGS)
    def test_all_mean_the_same(self, server, options):
        response = server.client.post("/translate", **options)
        assert (response.status_code, response.json()) == (200, TRANSLATED)

    def test_a_form_ends_lines_its_own_way(self, server):
        response = server.client.post("/translate", data=HUND | {"q": "Hund\r\nKatze\r\n"})
        assert response.json() == {"translatedText": "En:hund\nEn:katze"}
        response = server.translate("Hund\r\nKatze\r\n")
        assert response.json() == {"translatedText": "En:hund\r\nEn:katze\r\n"}

    def test_a_long_query_string(self, server):
        response = server.client.post("/translate", params=HUND | {"q": "Hund. " * 5_000})
        assert response.json()["translatedText"].split() == ["En:hund."] * 5_000

    def test_a_form_in_the_charset_that_it_names(self, server):
        for body in ("q=собака.".encode("cp1251"), b"q=%F1%EE%E1%E0%EA%E0."):
            kind = f"{FORM['Content-Type']}; charset=windows-1251"
            content = body + b"&source=de&target=en"
            response = server.client.post("/translate", content=content, headers={"Content-Type": kind})
            assert response.json() == {"translatedText": "en:собака."}

    @pytest.mark.parametrize("letter", ["ä", "%C3%A4"])
    def test_raw_and_escaped_letters_in_a_form(self, server, letter):
        body = f"q=schl{letter}ft&source=de&target=en".encode()
        response = server.client.post("/translate", content=body, headers=FORM)
        assert response.json() == {"translatedText": "en:schläft"}


HTML = '<a href="?a=1&amp;b">Hund</a><p>&lt;img src=x onerror=y&gt;</p>'
CASES = {
    # A list gives a list in order, blanks come back as they are, and line breaks are kept, even the first.
    "a list": (
        {"q": ["Hund.", "", "Katze.", "  ", "Hund."]}, ["En:hund.", "", "En:katze.", "  ", "En:hund."],
    ),
    "a list of one": ({"q": ["Hund."]}, ["En:hund."]),
    "blanks": ({"q": "\t \r\n"}, "\t \r\n"),
    "lines": ({"q": "\nHund.\n\n  Katze.\n"}, "\nEn:hund.\n\n  En:katze.\n"),
    "the same language": ({"q": "Hund &amp; Katze", "target": "de"}, "Hund &amp; Katze"),
    "emoji": ({"q": "😀 🐈‍⬛!"}, "😀 🐈‍⬛!"),
    "numbers": ({"q": "12:30"}, "12:30"),
    "entities in text": ({"q": "Hund &lt;b&gt;"}, "En:hund <b>"),
    "html": ({"q": HTML, "format": "html"}, HTML.replace("Hund", "En:hund").replace("<p>", "<p>en:")),
    "an empty format": ({"q": "Hund &amp;", "format": ""}, "En:hund &"),
    "no format": ({"q": "Hund &amp;", "format": None}, "En:hund &"),
    "codes in capitals": ({"source": "DE", "target": "EN"}, "En:hund."),
    "codes of three letters": ({"source": "deu", "target": "eng_Latn"}, "En:hund."),
    "names of languages": ({"source": "German", "target": "english"}, "En:hund."),
    "codes with regions": ({"source": "de_AT", "target": "en-US"}, "En:hund."),
    "zero-shot": ({"target": "es"}, "Es:hund."),
    "capitals": ({"q": "DER HUND SCHLÄFT! Die NATO nicht."}, "EN:DER HUND SCHLÄFT! En:die nato nicht."),
    "capitals with a name of a variable": ({"q": "LÖSCHE {name}?"}, "EN:LÖSCHE {name}?"),
    "references in an address": (
        {"q": "M&uuml;ller: https://example.org/?a=1&amp;b=2"}, "En:müller: https://example.org/?a=1&amp;b=2",
    ),
    "references only once": ({"q": "Hund &amp;lt; Katze"}, "En:hund &lt; katze"),
    "places to fill in": ({"q": "Nimm <Datei> und List<Hund> dazu."}, "En:nimm <Datei> und list<Hund> dazu."),
    "a lone surrogate": ({"q": "Hund \ud800"}, "En:hund �"),
    "scripts and comments": (
        {"q": "<script>var hund = 1;</script><!-- Hund --><p>Katze.</p>", "format": "html"},
        "<script>var hund = 1;</script><!-- Hund --><p>En:katze.</p>",
    ),
}  # fmt: skip


# What programs send that cannot be installed beside the tests, as their sources have it.
PROGRAMS = {
    "Mastodon": (
        {
            "q": [f'<p>{GERMAN}</p><p><a href="https://example.org/a?b=1&amp;c">example.org</a></p>', "<p>😀</p>", ""],
            "source": "auto", "target": "en", "format": "html", "api_key": None,
        },
        [f'<p>En:{GERMAN.lower()}</p><p><a href="https://example.org/a?b=1&amp;c">en:example.org</a></p>', "<p>😀</p>", ""],
    ),
    "Weblate": (
        {"api_key": "", "q": ["Hund.", "%(count)s", "12:30", "{name}", "", *["Hund."] * 15], "source": "de", "target": "en"},
        ["En:hund.", "%(count)s", "12:30", "{name}", "", *["En:hund."] * 15],
    ),
}  # fmt: skip


class TestTranslate:
    @pytest.mark.parametrize(("fields", "expected"), PROGRAMS.values(), ids=PROGRAMS)
    def test_programs(self, server, fields, expected):
        answer = server.post("/translate", fields).json()
        assert answer["translatedText"] == expected
        assert len(answer.get("detectedLanguage", expected)) == len(expected)

    def test_a_page_that_sends_a_multipart_form(self, server):
        fields = HUND | {"q": GERMAN, "source": "auto", "alternatives": "3", "api_key": ""}
        form = {name: (None, value) for name, value in fields.items()}
        answer = server.client.post("/translate", files=form).json()
        assert answer["detectedLanguage"]["language"] == "de" and len(answer["alternatives"]) == 3

    @pytest.mark.parametrize(("fields", "expected"), CASES.values(), ids=CASES)
    def test_texts(self, server, fields, expected):
        answer = server.post("/translate", HUND | fields).json()
        assert answer.pop("way", "") == ("composed: de-en + fr-es" if fields.get("target") == "es" else "")
        assert answer == {"translatedText": expected}

    def test_a_list_is_one_batch_and_equal_sentences_are_translated_once(self, server):
        server.backend.batches.clear()
        server.translate(["Eins zwei. Drei vier.", "Drei vier.", "Fünf."])
        assert server.backend.batches == [["Eins zwei.", "Drei vier.", "Fünf."]]

    def test_a_long_sentence_is_cut_and_no_word_lost(self, server):
        words = [f"wort{number}" for number in range(200)]
        answer = server.translate(" ".join(words) + ".").json()["translatedText"]
        assert [word.split(":")[-1].rstrip(".") for word in answer.split()] == words

    @pytest.mark.parametrize(
        "kept", ["%1$s", "{name}", "https://example.org/a?b=c&d", "😀", "${x}", '<b translate="no">Katze</b>']
    )
    def test_what_is_no_text_stays_and_is_not_translated(self, server, kept):
        server.backend.batches.clear()
        format = "html" if kept.startswith("<") else "text"
        answer = server.translate(f"Der Hund {kept} schläft.", format=format).json()["translatedText"]
        assert kept in answer
        assert not any(kept in text for batch in server.backend.batches for text in batch)

    def test_through_a_third_language(self, make_server):
        """No tiny pack reads English or Spanish, so one direction is turned round for the time of the test."""
        server = make_server()
        catalogue = server.service._catalogue
        first, second = (catalogue.snapshot.directions[pair] for pair in (("de", "en"), ("fr", "es")))
        pivot = Direction("de", "ru", "pivot", legs=(first, replace(second, source="en", target="ru")))
        catalogue.snapshot = replace(catalogue.snapshot, directions={("de", "ru"): pivot})
        answer = server.translate(["Hund.", "Katze."], target="ru", alternatives=1).json()
        assert answer["translatedText"] == ["Ru:en:hund.", "Ru:en:katze."]
        assert server.backend.batches == [["Hund.", "Katze."], ["en:hund.", "en:katze."]]
        assert len(answer["alternatives"][0]) == 1
        (german, *_) = server.get("/languages").json()
        assert (german["code"], german["targets"], german["pivot"]) == ("de", ["de", "ru"], ["ru"])
        assert answer["way"] == ["pivot: de-en, then fr-es"] * 2

    def test_the_way_is_named_where_it_is_not_one_model_for_the_pair(self, server):
        assert server.translate("Hund.", target="es").json()["way"] == "composed: de-en + fr-es"
        assert "way" not in server.translate("Hund.").json()
        texts = [GERMAN, FRENCH]
        mixed = server.translate(texts, source="auto", target="es").json()
        assert mixed["way"] == ["composed: de-en + fr-es", ""]
        (start, *_) = events(server.post("/v1/stream", {"q": "Hund.", "source": "de", "target": "es"}))
        assert start == ("start", {"source": "de", "target": "es", "way": "composed: de-en + fr-es"})
        composed = next(
            each for each in server.get("/v1/packs").json()["directions"] if each["target"] == "es"
        )
        assert (composed["label"], composed["scores"]) == ("de-en + fr-es", {})


class TestAlternatives:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"q": "Hund", "alternatives": 2}, ["En:hund*", "En:hund**"]),
            ({"q": ["Hund", "12"], "alternatives": 1}, [["En:hund*"], []]),
            ({"q": "<b>Hund</b>", "alternatives": 2, "format": "html"}, []),
            *(({"q": "Hund", "alternatives": given}, None) for given in (0, -3, None, "", "0", "-1")),
            *(({"q": "Hund", "alternatives": given}, ["En:hund*"]) for given in ("1", 1.0, " 1 ")),
        ],
    )
    def test_as_many_as_asked_for(self, server, fields, expected):
        answer = server.translate(**fields).json()
        assert answer.get("alternatives") == expected and ("alternatives" in answer) == (expected is not None)

    def test_too_many(self, make_server):
        limited = make_server(limits={"alternatives": 3})
        assert len(limited.translate("Hund", alternatives=3).json()["alternatives"]) == 3
        message = error(limited.translate("Hund", alternatives=4), 400)
        assert message == "Invalid request: alternatives parameter must be <= 3"


UNKNOWN = {"confidence": 0.0, "language": "en"}


class TestDetection:
    def test_detect(self, server):
        found = server.post("/detect", {"q": GERMAN}).json()
        assert found[0]["language"] == "de" and 50 < found[0]["confidence"] <= 100
        assert {each["language"] for each in found} <= {"de", "en", "es", "fr"}
        confidences = [each["confidence"] for each in found]
        assert confidences == sorted(confidences, reverse=True)
        assert server.post("/detect", {"q": "😀"}).json() == [UNKNOWN]

    def test_translate_says_what_it_took_a_text_for(self, server):
        answer = server.translate(GERMAN, source="auto").json()
        assert set(answer) == {"translatedText", "detectedLanguage"}
        assert answer["detectedLanguage"]["language"] == "de"
        assert isinstance(answer["detectedLanguage"]["confidence"], float)
        assert "detectedLanguage" not in server.translate(GERMAN).json()

    def test_of_a_list_each_by_itself(self, server):
        answer = server.translate([GERMAN, FRENCH, ""], source="auto", target="es").json()
        assert [each["language"] for each in answer["detectedLanguage"]][:2] == ["de", "fr"]
        assert len(answer["translatedText"]) == 3 and answer["translatedText"][2] == ""

    def test_nothing_to_tell_is_no_error_even_where_english_cannot_be_translated(self, server):
        answer = server.translate("😀", source="auto", target="es").json()
        assert answer == {"translatedText": "😀", "detectedLanguage": UNKNOWN}
        answer = server.translate([GERMAN, "😀"], source="auto", target="es").json()
        assert (answer["translatedText"][1], answer["detectedLanguage"][1]) == ("😀", UNKNOWN)

    def test_a_language_that_cannot_be_translated_into_the_target(self, server):
        english = "The dog sleeps in the big house."
        message = error(server.translate(english, source="auto", target="es"), 400)
        assert message == "Spanish (es) is not available as a target language from English (en)"
        answer = server.translate(english, source="auto").json()
        assert (answer["translatedText"], answer["detectedLanguage"]["language"]) == (english, "en")


class TestPreferredPacks:
    @pytest.mark.parametrize(
        "packs",
        [["de-en", "fr-es"], "de-en", "fr-es, de-en", [], "", None, "de-en,", ["", "de-en", None], [""]],
    )
    def test_named(self, server, packs):
        assert server.translate("Hund.", packs=packs).json() == TRANSLATED
        assert events(server.post("/v1/stream", HUND | {"packs": packs}))[-1] == ("end", TRANSLATED)

    def test_in_a_form(self, server):
        assert server.client.post("/translate", data=HUND | {"packs": "fr-es,de-en"}).json() == TRANSLATED
        assert server.upload(packs="de-en").status_code == 200

    @pytest.mark.parametrize(
        ("packs", "message"),
        [
            (["de-en", "nl-en"], "There is no pack nl-en"),
            (7, "Invalid request: packs parameter"),
            ([7], "Invalid request: packs parameter is not a text"),
            (["../de-en"], "There is no pack ../de-en"),
        ],
    )
    def test_refused(self, server, packs, message):
        assert error(server.translate("Hund.", packs=packs), 400).startswith(message)
        assert error(server.post("/v1/stream", HUND | {"packs": packs}), 400).startswith(message)


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

    def test_alternatives_of_each_sentence(self, server):
        found = events(server.post("/v1/stream", HUND | {"q": "Hund. Katze.", "alternatives": 2}))
        sentences = [data for name, data in found if name == "sentence"]
        assert [each["translation"] for each in sentences] == ["En:hund.", "En:katze."]
        assert [len(each["alternatives"]) for each in sentences] == [2, 2]
        assert all(each["translation"] not in each["alternatives"] for each in sentences)
        found = events(
            server.post("/v1/stream", HUND | {"q": "<b>Hund.</b>", "alternatives": 2, "format": "html"})
        )
        assert "alternatives" not in found[1][1]

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

    def test_failures(self, server):
        found = events(server.post("/v1/stream", HUND | {"q": "Explode!"}))
        assert [name for name, _ in found] == ["start", "error"]
        error(server.post("/v1/stream", HUND | {"target": "zz"}), 400)  # before it begins there is a status
        assert "is a list" in error(server.post("/v1/stream", HUND | {"q": ["a"]}), 400)

    def test_sentences_as_they_stand_in_the_whole(self, server):
        q = "Hund 😀 sieht {name}. Katze.\n12:30 &amp; Haus!"
        (*_, (_, end)) = events(server.post("/v1/stream", HUND | {"q": q, "alternatives": 1}))
        assert end["translatedText"] == "En:hund 😀 sieht {name}. En:katze.\nen:12:30 & haus!"
        assert end["sentences"] == [
            {"translation": "En:hund 😀 sieht {name}.", "alternatives": ["En:hund 😀 sieht {name}.*"]},
            {"translation": "En:katze.", "alternatives": ["En:katze.*"]},
            {"translation": "en:12:30 & haus!", "alternatives": ["en:12:30 & haus!*"]},
        ]

    def test_an_error_has_the_status_that_an_answer_would_have_had(self, make_server, monkeypatch):
        server = make_server()

        def full(ticket):
            raise Refusal(503, "The queue is full", retry_after=2)

        monkeypatch.setattr(server.service.translations._batcher, "submit", full)
        (_, (name, values)) = events(server.post("/v1/stream", HUND))
        assert (name, values) == ("error", {"error": "The queue is full", "status": 503, "retryAfter": 2})


def crosswise(direction, pairs):
    """Links the last word of a text to the first of a translation that is one of its words, and so on."""

    def links(source, target):
        shift = len(target) - len(source)
        return [(shift + index, len(source) - 1 - index) for index in range(len(source))]

    return links


class TestAttention:
    """With an engine that knows which words belong together, what is no text follows its word."""

    @pytest.fixture
    def attending(self, make_server, monkeypatch):
        server = make_server()
        monkeypatch.setattr(server.backend, "align", crosswise)
        return server

    @pytest.mark.parametrize(
        ("q", "format", "expected"),
        [
            ("<p>Hund <b>Katze</b></p>", "html", "<p>En:<b>hund</b> katze</p>"),
            ("Hund <i>Katze</i>", "text", "En:<i>hund</i> katze"),
            ("Hund {x} Katze Haus", "text", "En:hund katze haus {x}"),
        ],
    )
    def test_texts(self, attending, q, format, expected):
        assert attending.translate(q, format=format).json() == {"translatedText": expected}
        fields = HUND | {"q": q, "format": format}
        assert events(attending.post("/v1/stream", fields))[-1] == ("end", {"translatedText": expected})

    def test_alternatives(self, attending):
        answer = attending.translate(["Hund {x} Katze Haus"], alternatives=1).json()
        assert answer["alternatives"] == [["En:hund katze haus* {x}"]]

    def test_files(self, attending):
        url = attending.upload("a.html", b"<p>Hund <b>Katze</b></p>").json()["translatedFileUrl"]
        assert attending.client.get(url).content == b"<p>En:<b>hund</b> katze</p>"
