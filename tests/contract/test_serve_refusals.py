"""What the server refuses: errors, limits, keys, and anything that may come in."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter

import pytest

from crosslate.server.keys import KeyStore
from toy_server import HUND, TRANSLATED, error, events, wait_for


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
