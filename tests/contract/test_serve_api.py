"""The HTTP API, line by line, with an engine that shows what it was given."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import ClassVar

import pytest
from starlette.testclient import TestClient

from crosslate.engines.decoding import Hypothesis
from crosslate.server.app import create_app
from crosslate.server.backends import Model, Resident
from crosslate.server.keys import KeyStore
from crosslate.server.service import Service
from crosslate.server.settings import Batching, Limits, ServerSettings


class Vocabulary:
    """A token per character and the end of sentence."""

    def encode(self, text):
        return [*text, 0]


class MarkingBackend:
    """Translates ``Hund.`` to ``En:hund.``; further hypotheses get marks. Counts what it is given."""

    name, num_workers = "marking", 1

    def __init__(self):
        self.batches: list[list[str]] = []
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def prepare(self, direction): ...

    def retire(self, needed): ...

    def residents(self):
        return [Resident("parent", 1000)]

    def loaded(self, direction):
        return None

    def model(self, direction):
        engine = SimpleNamespace(source=Vocabulary(), max_source_tokens=200)
        return Model(direction, engine, self)

    def translate(self, items, options):
        self.batches.append([text for _, text in items])
        self.entered.set()
        if self.gate:
            assert self.gate.wait(10)
        if any("explode" in text.lower() for _, text in items):
            raise RuntimeError("the engine's own failure, with the text in it: explode")
        return [
            [
                Hypothesis(f"{model.direction.target}:{text.lower()}{'*' * rank}", 0.0, ())
                for rank in range(options.n_best)
            ]
            for model, text in items
        ]


class Server:
    """A server in this process, with its backend at hand."""

    def __init__(self, service, backend):
        self.service, self.backend = service, backend
        self.client = TestClient(create_app(service, loads=False), raise_server_exceptions=False)

    def post(self, path, fields=None, **options):
        return self.client.post(path, json=fields, **options)

    def get(self, path, **options):
        return self.client.get(path, **options)

    def translate(self, q, source="de", target="en", **more):
        return self.post("/translate", {"q": q, "source": source, "target": target, **more})


@pytest.fixture(scope="module")
def make_server(tiny):
    made = []

    def make(is_loaded=True, **settings):
        backend = MarkingBackend()
        limits = Limits(**settings.pop("limits", {}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crosslate.server.service.make_backend", lambda *args, **options: backend)
            service = Service(
                ServerSettings(
                    str(tiny / "parents" / "fr-en"),
                    tiny / "packs",
                    limits=limits,
                    batching=Batching(window_seconds=0.0),
                    **settings,
                ),
                watch_seconds=60,
            )
        if is_loaded:
            service.load()
        made.append(service)
        return Server(service, backend)

    yield make
    for service in made:
        service.stop()


@pytest.fixture(scope="module")
def server(make_server):
    """One that no test changes."""
    return make_server()


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"}
    return body["error"]


HUND = {"q": "Hund.", "source": "de", "target": "en"}
TRANSLATED = {"translatedText": "En:hund."}


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


GERMAN = "Der Hund schläft in dem großen Haus und die Katze sieht das nicht."
FRENCH = "Le chien dort dans la grande maison et le chat ne le voit pas."


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

    def test_what_needs_no_translation(self, server):
        answer = server.translate("The dog sleeps in the big house.", source="auto").json()
        assert answer["translatedText"] == "The dog sleeps in the big house."
        assert answer["detectedLanguage"]["language"] == "en"


class TestErrors:
    @pytest.mark.parametrize("missing", ["q", "source", "target"])
    @pytest.mark.parametrize("value", [..., "", None])
    def test_missing(self, server, missing, value):
        fields = {name: text for name, text in HUND.items() if name != missing}
        if value is not ...:
            fields[missing] = value
        assert (
            error(server.post("/translate", fields), 400) == f"Invalid request: missing {missing} parameter"
        )

    def test_an_empty_list(self, server):
        assert error(server.translate([]), 400) == "Invalid request: missing q parameter"

    @pytest.mark.parametrize("path", ["/detect", "/translate_file"])
    def test_missing_elsewhere(self, server, path):
        assert error(server.client.post(path, data={}), 400).startswith("Invalid request: missing ")

    @pytest.mark.parametrize(
        ("source", "target", "expected"),
        [
            ("zz", "en", "zz is not supported"),
            ("ZZ", "en", "zz is not supported"),
            ("de", "zz", "zz is not supported"),
            ("de", "auto", "auto is not supported"),
            ("en", "de", "German (de) is not available as a target language from English (en)"),
        ],
    )
    def test_languages(self, server, source, target, expected):
        assert error(server.translate("Hund", source, target), 400) == expected

    def test_formats(self, server):
        assert error(server.translate("Hund", format="xml"), 400) == "xml format is not supported"

    @pytest.mark.parametrize("body", ["[]", "5", '"text"', "null"])
    def test_json_that_is_no_object(self, server, body):
        response = server.client.post(
            "/translate", content=body, headers={"Content-Type": "application/json"}
        )
        assert error(response, 400) == "Invalid JSON format"

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff\xfe{}", b"{'q': 1}", b"[" * 100_000, b'{"q": "\xff"}']
    )
    def test_what_is_no_json(self, server, body):
        response = server.client.post(
            "/translate", content=body, headers={"Content-Type": "application/json"}
        )
        error(response, 400)

    @pytest.mark.parametrize("q", [5, True, 1.5, {}, {"a": 1}, [1], ["a", None], [["a"]], [{}]])
    def test_texts_that_are_none(self, server, q):
        for path in ("/translate", "/detect"):
            error(server.post(path, HUND | {"q": q}), 400)

    @pytest.mark.parametrize("name", ["source", "target", "api_key", "format"])
    @pytest.mark.parametrize("value", [5, [], ["de"], {}, True])
    def test_fields_of_the_wrong_kind(self, server, name, value):
        if value == [] and name == "format":
            value = [1]
        error(server.post("/translate", HUND | {name: value}), 400)

    def test_lone_surrogates(self, server):
        body = b'{"q": "Hund \\ud800", "source": "de", "target": "en"}'
        response = server.client.post(
            "/translate", content=body, headers={"Content-Type": "application/json"}
        )
        assert response.json() == {"translatedText": "En:hund �"}
        body = b'{"q": "Hund", "source": "\\ud800", "target": "en"}'
        response = server.client.post(
            "/translate", content=body, headers={"Content-Type": "application/json"}
        )
        error(response, 400)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "/translate", "POST"), ("GET", "/detect", "POST"), ("POST", "/languages", "GET"),
            ("POST", "/spec", "GET"), ("POST", "/health", "GET"), ("DELETE", "/translate", "POST"),
        ],
    )  # fmt: skip
    def test_other_methods(self, server, method, path, allowed):
        response = server.client.request(method, path)
        error(response, 405)
        assert allowed in response.headers["allow"]

    @pytest.mark.parametrize("path", ["/nothing", "/translate/", "/languages/", "/download_file", "/v1"])
    def test_other_paths(self, server, path):
        for method in ("GET", "POST"):
            error(server.client.request(method, path), 404)

    def test_a_broken_multipart_form(self, server):
        for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
            response = server.client.post(
                "/translate", content=b"--y\r\n\r\nz", headers={"Content-Type": kind}
            )
            error(response, 400)

    def test_an_engine_that_fails(self, server, caplog):
        message = error(server.translate("Explode!"), 500)
        assert "explode" not in message.lower() and "explode" not in caplog.text.lower()
        assert server.translate("Hund.").json() == TRANSLATED


class TestLimits:
    @pytest.fixture(scope="class")
    def limited(self, make_server):
        return make_server(limits={"characters": 20, "texts": 3, "body_bytes": 2000})

    def test_characters(self, limited):
        assert limited.translate("x" * 20).status_code == 200
        message = error(limited.translate("x" * 25), 400)
        assert message == "Invalid request: request (25) exceeds text limit (20)"
        error(limited.translate(["ok", "x" * 25]), 400)

    def test_texts(self, limited):
        assert limited.translate(["a"] * 3).status_code == 200
        message = error(limited.translate(["a"] * 4), 400)
        assert message == "Invalid request: request (4) exceeds text limit (3)"

    def test_the_body(self, limited):
        assert "larger than 2000 bytes" in error(limited.translate("x" * 3000), 413)

    def test_a_body_of_unknown_length(self, limited):
        def parts():
            for _ in range(100):
                yield b"x" * 100

        response = limited.client.post(
            "/translate", content=parts(), headers={"Content-Type": "application/json"}
        )
        error(response, 413)

    def test_requests_per_minute(self, make_server):
        limited = make_server(limits={"requests_per_minute": 6})
        assert limited.translate(["Hund"] * 4).status_code == 200
        assert limited.translate("Hund").status_code == 200
        error(limited.translate("Hund", target="zz"), 400)  # what fails counts, too
        refused = limited.translate("Hund")
        assert error(refused, 429) == "Slowdown: 6 per 1 minute"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert limited.post("/detect", {"q": "Hund"}).status_code == 200
        assert limited.get("/languages").status_code == 200

    def test_a_client_behind_a_proxy(self, make_server):
        limited = make_server(limits={"requests_per_minute": 1}, trust_forwarded_for=True)

        def status(address):
            headers = {"X-Forwarded-For": address}
            return limited.post("/translate", HUND, headers=headers).status_code

        assert [status("1.1.1.1"), status("2.2.2.2"), status("1.1.1.1")] == [200, 200, 429]
        assert status("9.9.9.9, 2.2.2.2") == 429  # what a client writes itself stands before

    def test_without_a_proxy_nobody_chooses_an_address(self, make_server):
        limited = make_server(limits={"requests_per_minute": 1})
        statuses = [
            limited.post("/translate", HUND, headers={"X-Forwarded-For": address}).status_code
            for address in ("1.1.1.1", "2.2.2.2")
        ]
        assert statuses == [200, 429]

    def test_a_full_queue(self, make_server):
        full = make_server(limits={"waiting_requests": 1})
        full.backend.gate = threading.Event()
        answers = []
        threads = []
        for text in ("eins", "zwei"):
            threads.append(threading.Thread(target=lambda text=text: answers.append(full.translate(text))))
            threads[-1].start()
            assert full.backend.entered.wait(10)
            wait_for(lambda text=text: text == "eins" or full.service._batcher.waiting[0] == 1)
        refused = full.translate("drei")
        full.backend.gate.set()
        for thread in threads:
            thread.join(10)
        error(refused, 503)
        assert refused.headers["retry-after"] == "2"
        assert [answer.status_code for answer in answers] == [200, 200]

    def test_time(self, make_server):
        slow = make_server(limits={"request_seconds": 0.2})
        slow.backend.gate = threading.Event()
        assert "took longer than 0.2 s" in error(slow.translate("Hund"), 504)
        slow.backend.gate.set()
        wait_for(lambda: slow.service._batcher.waiting == (0, 0))


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestKeys:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "keys.db"

    def test_a_wrong_key(self, make_server, path):
        keyed = make_server(keys=path)
        assert error(keyed.translate("Hund", api_key="wrong"), 403) == "Invalid API key"
        assert keyed.translate("Hund").status_code == 200  # keys raise limits; they are not needed
        assert keyed.translate("Hund", api_key="").status_code == 200

    def test_a_key_raises_the_limits(self, make_server, path):
        secret, _ = KeyStore(path).add("ann", requests_per_minute=2, characters=-1)
        keyed = make_server(keys=path, limits={"requests_per_minute": 1, "characters": 5})
        assert keyed.translate("Hund").status_code == 200
        error(keyed.translate("Hund"), 429)
        long = "Hund und Katze"
        assert keyed.translate(long, api_key=secret).status_code == 200
        assert keyed.translate("Hund", api_key=secret).status_code == 200
        assert error(keyed.translate("Hund", api_key=secret), 429) == "Slowdown: 2 per 1 minute"

    @pytest.mark.parametrize("settings", [{"require_key": True}, {"limits": {"requests_per_minute": 0}}])
    def test_a_key_may_be_required(self, make_server, path, settings):
        secret, _ = KeyStore(path).add(requests_per_minute=-1)
        keyed = make_server(keys=path, **settings)
        for path_ in ("/translate", "/detect"):
            assert (
                error(keyed.post(path_, HUND), 400) == "Please contact the server operator to get an API key"
            )
            assert keyed.post(path_, HUND | {"api_key": secret}).status_code == 200
        response = keyed.post("/translate", HUND, headers={"Authorization": f"Bearer {secret}"})
        error(response, 400)

    def test_where_to_get_one(self, make_server, path):
        keyed = make_server(keys=path, require_key=True, key_url="https://example.org/keys")
        assert error(keyed.translate("Hund"), 400) == "Visit https://example.org/keys to get an API key"
        found = keyed.get("/frontend/settings").json()
        assert (found["apiKeys"], found["keyRequired"]) == (True, True)


class TestLanguages:
    EXPECTED = (
        {"code": "en", "name": "English", "targets": ["en"], "zeroShot": [], "pivot": []},
        {"code": "fr", "name": "French", "targets": ["en", "es", "fr"], "zeroShot": [], "pivot": []},
        {"code": "de", "name": "German", "targets": ["de", "en", "es"], "zeroShot": ["es"], "pivot": []},
        {"code": "es", "name": "Spanish", "targets": ["es"], "zeroShot": [], "pivot": []},
    )

    def test_list(self, server):
        assert server.get("/languages").json() == list(self.EXPECTED)

    @pytest.mark.parametrize("path", ["//languages", "///languages"])
    def test_slashes(self, server, path):
        assert server.client.request("GET", f"http://testserver{path}").json() == list(self.EXPECTED)

    @pytest.mark.parametrize(
        "options",
        [
            {"headers": {"Content-Type": "application/json"}},
            {"headers": {"Content-Length": "0"}},
            {"content": b"api_key=x", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            {"content": b"{", "headers": {"Content-Type": "application/json"}},
        ],
    )
    def test_whatever_a_get_carries_is_not_read(self, server, options):
        assert server.client.request("GET", "/languages", **options).json() == list(self.EXPECTED)


class TestOtherRoutes:
    def test_settings(self, server):
        assert server.get("/frontend/settings").json() == {
            "apiKeys": False,
            "charLimit": -1,
            "filesTranslation": True,
            "frontendTimeout": 500,
            "keyRequired": False,
            "suggestions": False,
            "supportedFilesFormat": server.get("/frontend/settings").json()["supportedFilesFormat"],
            "language": {
                "source": {"code": "auto", "name": "Auto Detect"},
                "target": {"code": "en", "name": "English"},
            },
        }
        formats = server.get("/frontend/settings").json()["supportedFilesFormat"]
        assert ".txt" in formats and all(each.startswith(".") for each in formats)

    def test_health(self, server, make_server):
        assert server.get("/health").json() == {"status": "ok"}
        loading = make_server(is_loaded=False)
        response = loading.get("/health")
        assert response.status_code == 503 and response.json() == {"status": "loading"}
        for refused in (loading.translate("Hund"), loading.get("/languages"), loading.post("/detect", HUND)):
            assert "still loading" in error(refused, 503) and "retry-after" in refused.headers

    def test_suggest_is_off(self, server):
        fields = HUND | {"s": "dog"}
        assert error(server.post("/suggest", fields), 403) == "Suggestions are disabled on this server."

    def test_packs(self, server):
        found = server.get("/v1/packs").json()
        assert [pack["name"] for pack in found["packs"]] == ["de-en", "fr-es"]
        assert found["packs"][0]["scores"][0]["value"] == 31.25
        kinds = {f"{each['source']}-{each['target']}": each["kind"] for each in found["directions"]}
        assert kinds == {"fr-en": "parent", "de-en": "pack", "fr-es": "pack", "de-es": "zero-shot"}
        assert found["resident"] == [{"name": "parent", "bytes": 1000}]

    def test_spec(self, server):
        found = server.get("/spec").json()
        assert found["swagger"] == "2.0" and {"basePath", "definitions", "info", "paths"} <= set(found)
        assert found["info"]["title"] and found["info"]["version"]
        assert {"/translate", "/detect", "/languages"} <= set(found["paths"])
        assert "components" not in json.dumps(found)

    def test_openapi(self, server):
        found = server.get("/openapi.json").json()
        assert found["openapi"].startswith("3.")
        content = found["paths"]["/translate"]["post"]["requestBody"]["content"]
        assert set(content) == {
            "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
        }  # fmt: skip
        for name in json.dumps(found).split('"#/components/schemas/')[1:]:
            assert name.split('"')[0] in found["components"]["schemas"]

    def test_docs(self, server):
        response = server.client.get("/docs", follow_redirects=False)
        assert (response.status_code, response.headers["location"]) == (308, "/docs/")
        page = server.get("/docs/")
        assert page.status_code == 200 and "/translate" in page.text
        assert "http://" not in page.text and "https://" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


class TestMetrics:
    def test_numbers(self, make_server):
        server = make_server()
        server.translate("Hund. Katze.")
        server.translate("Hund", target="zz")
        server.get("/any/thing?q=secret")
        response = server.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain")
        text = response.text
        name = "libretranslate_http_request_duration_seconds_count"
        assert f'{name}{{endpoint="/translate",status="200"}} 1\n' in text
        assert f'{name}{{endpoint="/translate",status="400"}} 1\n' in text
        assert f'{name}{{endpoint="other",status="404"}} 1\n' in text
        assert "crosslate_segments_total 2\n" in text
        assert 'crosslate_resident_bytes{model="parent"} 1000\n' in text
        assert "secret" not in text and "testclient" not in text

    def test_off(self, make_server):
        error(make_server(metrics=False).get("/metrics"), 404)

    def test_token(self, make_server):
        server = make_server(metrics_token="open sesame")
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "open sesame"}):
            error(server.get("/metrics", headers=headers), 401)
        assert server.get("/metrics", headers={"Authorization": "Bearer open sesame"}).status_code == 200


class TestFiles:
    def upload(self, server, name="a.txt", data=b"Hund.\nKatze.\n", **fields):
        return server.client.post(
            "/translate_file", files={"file": (name, data)}, data={"source": "de", "target": "en"} | fields
        )

    def test_there_and_back(self, server):
        url = self.upload(server, "my letter.txt").json()["translatedFileUrl"]
        assert url.startswith("http://testserver/download_file/") and url.endswith(".my_letter_en.txt")
        response = server.client.get(url)
        assert response.content == b"En:hund.\nEn:katze.\n"
        assert response.headers["content-disposition"].startswith("attachment")

    def test_detected(self, server):
        response = self.upload(server, data=f"{GERMAN}\n".encode(), source="auto", target="es")
        assert response.status_code == 200

    @pytest.mark.parametrize("name", ["a.exe", "a", "a.txt.zip"])
    def test_other_formats(self, server, name):
        assert error(self.upload(server, name), 400) == "Invalid request: file format not supported"

    @pytest.mark.parametrize("missing", ["source", "target"])
    def test_missing_fields(self, server, missing):
        response = self.upload(server, **{missing: ""})
        assert error(response, 400) == f"Invalid request: missing {missing} parameter"

    def test_no_file(self, server):
        for options in ({"data": {"source": "de"}}, {"data": {"file": "text"}}, {"json": {"file": "x"}}):
            message = error(server.client.post("/translate_file", **options), 400)
            assert message == "Invalid request: missing file parameter"

    def test_unknown_languages(self, server):
        assert error(self.upload(server, target="zz"), 400) == "zz is not supported"

    def test_what_is_no_text(self, server):
        error(self.upload(server, data=b"\xff\xfe\xfd\x00\xd8"), 400)

    @pytest.mark.parametrize("name", ["nothing.txt", "..%2f..%2fetc%2fpasswd", "%00", "a" * 3000])
    def test_unknown_downloads(self, server, name):
        error(server.get(f"/download_file/{name}"), 404)

    def test_off(self, make_server):
        off = make_server(files=False)
        assert error(self.upload(off), 403) == "Files translation are disabled on this server."
        assert off.get("/frontend/settings").json()["filesTranslation"] is False

    def test_too_large(self, make_server):
        small = make_server(limits={"file_bytes": 1000, "body_bytes": 10})
        assert self.upload(small).status_code == 200
        error(self.upload(small, data=b"x" * 100_000), 413)


def events(response):
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


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


class TestAcrossOrigins:
    HEADERS: ClassVar = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Authorization, Content-Type",
        "access-control-expose-headers": "Authorization",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "1728000",
    }  # fmt: skip

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/languages", 200), ("GET", "/nothing", 404), ("GET", "/translate", 405),
            ("POST", "/translate", 400), ("OPTIONS", "/translate", 200), ("OPTIONS", "/languages", 200),
            ("OPTIONS", "/nothing", 200), ("HEAD", "/languages", 200), ("GET", "/metrics", 200),
            ("GET", "/docs/", 200), ("GET", "/download_file/x", 404), ("POST", "/suggest", 403),
        ],
    )  # fmt: skip
    def test_every_answer_allows_all(self, server, method, path, status):
        response = server.client.request(method, path)
        assert response.status_code == status
        assert {name: response.headers[name] for name in self.HEADERS} == self.HEADERS
        if method in ("OPTIONS", "HEAD"):
            assert response.content == b""

    def test_head_is_get_without_a_body(self, server):
        head, get = server.client.head("/languages"), server.get("/languages")
        assert head.headers["content-length"] == get.headers["content-length"]


class TestPrefix:
    @pytest.fixture(scope="class")
    def below(self, make_server):
        return make_server(url_prefix="/mt")

    def test_paths(self, below):
        assert below.post("/mt/translate", HUND).json() == TRANSLATED
        assert below.get("/mt//languages").status_code == 200
        for path in ("/languages", "/mtx/languages", "/mt"):
            error(below.get(path), 404)
        assert below.client.get("/mt/docs", follow_redirects=False).headers["location"] == "/mt/docs/"
        assert below.get("/mt/spec").json()["basePath"] == "/mt"

    def test_download_url(self, below):
        fields = {"source": "de", "target": "en"}
        response = below.client.post("/mt/translate_file", files={"file": ("a.txt", b"Hund")}, data=fields)
        url = response.json()["translatedFileUrl"]
        assert url.startswith("http://testserver/mt/download_file/")
        assert below.client.get(url).status_code == 200


class TestPrivacy:
    def test_texts_are_in_no_log(self, make_server, caplog):
        with caplog.at_level("DEBUG", logger="crosslate"):
            server = make_server()
            server.translate("Geheimnis. Explode!")
            server.client.post("/translate", params=HUND | {"q": "Geheimnis"})
            server.translate("Geheimnis", api_key="Geheimnis", target="zz")
        assert "/translate" in caplog.text and "geheimnis" not in caplog.text.lower()

    def test_unless_asked_for(self, make_server, caplog):
        with caplog.at_level("INFO", logger="crosslate"):
            make_server(log_text=True).translate("Geheimnis")
        assert "'Geheimnis' -> 'En:geheimnis'" in caplog.text


class TestAnything:
    """Whatever comes in, a JSON error or a translation goes out."""

    CHARACTERS = "aЖ猫ا\u0301😀\u202e\x00\x1b\ud800\n\r\t <>&%{}\"'\\/"
    KINDS = (
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "",
        "x/y",
    )

    def text(self, chooser):
        return "".join(chooser.choices(self.CHARACTERS, k=chooser.randint(0, 12)))

    def value(self, chooser, depth=0):
        options = [
            lambda: self.text(chooser),
            lambda: chooser.choice(["de", "en", "auto", "html", "Hund.", "", "zz", "fr_FR"]),
            lambda: chooser.choice([None, True, False, 0, -1, 10**30, 1e308, 0.5]),
        ]
        if depth < 3:
            options.append(lambda: [self.value(chooser, depth + 1) for _ in range(chooser.randint(0, 3))])
            options.append(lambda: {self.text(chooser): self.value(chooser, depth + 1)})
        return chooser.choice(options)()

    def body(self, chooser):
        names = ("q", "source", "target", "format", "alternatives", "api_key", "s", "file")
        fields = {name: self.value(chooser) for name in names if chooser.random() < 0.8}
        data = json.dumps(fields, ensure_ascii=chooser.random() < 0.5).encode("utf-8", "surrogatepass")
        return chooser.choice(
            [
                data,
                data[: chooser.randint(0, len(data))],
                chooser.randbytes(chooser.randint(0, 60)),
                "&".join(f"{name}={value}" for name, value in fields.items()).encode("utf-8", "replace"),
                b"--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n" + data + b"\r\n--b--\r\n",
                b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n" + data + b"\r\n--b--",
            ]
        )  # fmt: skip

    def test_bodies(self, make_server):
        server = make_server(limits={"alternatives": 3})
        chooser = random.Random(6)
        statuses = Counter()
        for _ in range(1000):
            path = chooser.choice(
                [
                    "/translate",
                    "/detect",
                    "/translate_file",
                    "/v1/stream",
                    "/suggest",
                    "/translate?q=a&source=de&target=en",
                ]
            )
            body = self.body(chooser)
            response = server.client.post(
                path, content=body, headers={"Content-Type": chooser.choice(self.KINDS)}
            )
            assert response.status_code < 500, (path, body)
            if response.headers["content-type"].startswith("application/json"):
                response.json()
            else:
                assert events(response)[-1][0] == "end", (path, body)
            statuses[response.status_code] += 1
        assert statuses[200] > 20 and statuses[400] > 400, statuses

    def test_every_script_keeps_its_lines(self, server):
        chooser = random.Random(7)
        starts = [
            0x20,
            0x370,
            0x400,
            0x590,
            0x600,
            0x900,
            0xE00,
            0x1000,
            0x1200,
            0x3040,
            0x4E00,
            0xAC00,
            0x1F300,
        ]
        lines = ["".join(chr(start + chooser.randrange(90)) for _ in range(20)) for start in starts * 3]
        text = "\n".join(line.replace("\x7f", "").replace("\u2028", "") for line in lines)
        for format in ("text", "html"):
            for q in (text, [text, *lines]):
                answer = server.translate(q, source="auto", target="en", format=format).json()[
                    "translatedText"
                ]
                first = answer[0] if isinstance(q, list) else answer
                assert first.count("\n") == text.count("\n")
                assert not isinstance(q, list) or len(answer) == len(q)
