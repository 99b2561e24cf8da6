"""What the server refuses: errors, limits, keys, and anything that may come in."""

from __future__ import annotations

import gc
import json
import random
import sqlite3
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.server import admission
from crosslate.server.keys import KeyStore
from toy_server import HUND, JSON, TRANSLATED, error, events, wait_for

MISSING, NO_TEXTS = (
    "Invalid request: missing {} parameter",
    "q parameter is neither a text nor a list of texts",
)
FIELDS = [
    *(({name: value}, MISSING.format(name)) for name in HUND for value in ("", None)),
    ({"q": []}, MISSING.format("q")),
    *(({"q": q}, NO_TEXTS) for q in (5, True, 1.5, {}, {"a": 1}, [1], ["a", None], [["a"]], [{}])),
    ({"q": 5, "source": "zz"}, NO_TEXTS),
    ({"source": "ZZ"}, "zz is not supported"),
    ({"target": "zz"}, "zz is not supported"),
    ({"target": "auto"}, "auto is not supported"),
    ({"source": "en", "target": "de"}, "German (de) is not available as a target language from English (en)"),
    *(
        ({name: value}, f"Invalid request: {name} parameter is not a text")
        for name in ("source", "target", "api_key")
        for value in (5, ["de"], {}, True)
    ),
    *(({name: "\ud800"}, "is not supported") for name in ("source", "target", "format")),
    *(({"format": value}, f"{value} format is not supported") for value in ("xml", 5, ["de"], {}, True)),
    ({"alternatives": 10**400}, "Invalid request: alternatives parameter must be <= 5"),
    *(
        ({"alternatives": value}, "Invalid request: alternatives parameter is not a number")
        for value in ("x", [1], {}, True, "1e1", "²", "9" * 5000, float("inf"), float("nan"))
    ),
]


@pytest.mark.parametrize(("changes", "expected"), FIELDS)
def test_fields(server, changes, expected):
    assert error(server.post("/translate", HUND | changes), 400).endswith(expected)


@pytest.mark.parametrize("missing", HUND)
def test_missing_fields(server, missing):
    fields = {name: text for name, text in HUND.items() if name != missing}
    assert error(server.post("/translate", fields), 400) == MISSING.format(missing)


BODIES = [
    *((body, "application/json", "Invalid JSON format") for body in (b"[]", b"5", b'"text"', b"null")),
    *(
        (body, "application/json", "The body is not valid JSON")
        for body in (b"", b"{", b"\xff\xfe{}", b"{'q': 1}", b"[" * 100_000, b'{"q": "\xff"}')
    ),
    *(
        (b"--y\r\n\r\nz", f"multipart/form-data{boundary}", "Invalid request: the multipart form is broken")
        for boundary in ("", "; boundary=x")
    ),
    (b"&".join([b"a=1"] * 1001), "application/x-www-form-urlencoded", "Invalid request: more than 1000 parameters"),
    *(
        (body, "application/x-www-form-urlencoded", "Invalid request: the fields are not utf-8; send UTF-8, or name its charset")
        for body in (b"q=\x8f\xac&source=de&target=en", b"q=%8F%AC&source=de&target=en")
    ),
    *(
        (b"q=a", f"application/x-www-form-urlencoded; charset={charset}",
         f"Invalid request: the form's charset is {charset}, which is not supported; send UTF-8")
        for charset in ("klingon", "punycode", "unicode_escape", "zlib")
    ),
    (json.dumps(HUND).encode(), "text/plain", MISSING.format("q")),  # a body of another kind is not read
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "expected"), BODIES)
def test_bodies(server, body, kind, expected):
    response = server.client.post("/translate", content=body, headers={"Content-Type": kind})
    assert error(response, 400) == expected


def test_a_compressed_body(server):
    response = server.client.post(
        "/translate", content=b"\x1f\x8b", headers=JSON | {"Content-Encoding": "gzip"}
    )
    assert error(response, 400) == "Invalid request: the body is encoded as gzip; send it as it is"
    assert (
        server.client.post("/translate", json=HUND, headers={"Content-Encoding": "identity"}).json()
        == TRANSLATED
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/translate", "POST"), ("GET", "/detect", "POST"), ("POST", "/languages", "GET"),
        ("POST", "/spec", "GET"), ("POST", "/health", "GET"), ("DELETE", "/translate", "POST"),
        *((method, path, None) for method in ("GET", "POST")
          for path in ("/nothing", "/translate/", "/languages/", "/download_file", "/v1")),
    ],
)  # fmt: skip
def test_other_methods_and_paths(server, method, path, allowed):
    response = server.client.request(method, path)
    error(response, 405 if allowed else 404)
    assert response.headers.get("allow") == allowed


def test_an_engine_that_fails(server, caplog):
    message = error(server.translate("Explode!"), 500)
    assert "explode" not in message.lower() and "explode" not in caplog.text.lower()
    assert server.translate("Hund.").json() == TRANSLATED


def test_what_nobody_foresaw_is_a_json_error_too(make_server, caplog, monkeypatch):
    server = make_server()
    monkeypatch.setattr(type(server.service), "snapshot", lambda self: 1 / 0)
    assert error(server.translate("Geheim"), 500) == "The server failed; its log says where"
    assert "ZeroDivisionError" in caplog.text and "Geheim" not in caplog.text


def test_what_rust_raises_is_a_json_error_too(make_server, caplog, monkeypatch):
    class Panic(BaseException):
        """Like PyO3's PanicException, which is no Exception."""

    def panic(self):
        raise Panic("Geheim")

    server = make_server()
    monkeypatch.setattr(type(server.service), "snapshot", panic)
    assert error(server.translate("Geheim"), 500) == "The server failed; its log says where"
    assert "Panic" in caplog.text and "Geheim" not in caplog.text


def test_an_engine_that_panics_is_there_for_the_next(make_server, monkeypatch):
    class Panic(BaseException):
        pass

    def panic(items, options):
        raise Panic

    server = make_server()
    with monkeypatch.context() as patch:
        patch.setattr(server.backend, "translate", panic)
        error(server.translate("Hund."), 500)
    assert server.translate("Hund.").json() == TRANSLATED


@pytest.mark.parametrize("depth", [100, 900])
@pytest.mark.parametrize("name", ["q", "format", "alternatives", "source", "api_key"])
def test_nested_lists(server, name, depth):
    body = json.dumps(HUND)[:-1] + f', "{name}": {"[" * depth}{"]" * depth}' + "}"
    error(server.client.post("/translate", content=body, headers=JSON), 400)


class TestLimits:
    def test_of_lists_there_is_one_by_default_which_empty_texts_count_towards(self, server):
        message = "Invalid request: request (400000) exceeds text limit (5000)"
        assert error(server.translate([""] * 400_000), 400) == message
        assert server.translate([""] * 5000).json() == {"translatedText": [""] * 5000}

    def test_what_is_refused_is_not_kept(self, server):
        tracemalloc.start()
        try:
            server.translate([""] * 400_000)
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(3):
                error(server.translate([""] * 400_000), 400)
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] - before < 2_000_000
        finally:
            tracemalloc.stop()

    def test_no_limit_of_alternatives_is_no_beam_of_any_width(self, make_server):
        unlimited = make_server(limits={"alternatives": -1})
        for count in (1001, 10**9, 10**400):
            assert "must be <= 1000" in error(unlimited.translate("Hund.", alternatives=count), 400)
        assert unlimited.translate("Hund.", alternatives=-(10**400)).json() == TRANSLATED

    @pytest.fixture(scope="class")
    def limited(self, make_server):
        return make_server(limits={"characters": 20, "texts": 3, "body_bytes": 2000})

    @pytest.mark.parametrize(
        ("q", "found", "limit"),
        [
            ("x" * 20, None, 20), ("x" * 25, 25, 20), (["ok", "x" * 25], 25, 20),
            (["a"] * 3, None, 3), (["a"] * 4, 4, 3),
        ],
    )  # fmt: skip
    def test_characters_and_texts(self, limited, q, found, limit):
        response = limited.translate(q)
        if found is None:
            assert response.status_code == 200
        else:
            assert error(response, 400) == f"Invalid request: request ({found}) exceeds text limit ({limit})"

    @pytest.mark.parametrize("content", [b"x" * 3000, (b"x" * 100 for _ in range(100))])
    def test_the_body_also_of_unknown_length(self, limited, content):
        response = limited.client.post("/translate", content=content, headers=JSON)
        assert error(response, 413) == "The request is larger than 2000 bytes"

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

    @pytest.mark.parametrize(
        ("is_trusted", "statuses"), [(True, [200, 200, 429, 429]), (False, [200, 429, 429, 429])]
    )
    def test_a_client_behind_a_proxy(self, make_server, is_trusted, statuses):
        limited = make_server(limits={"requests_per_minute": 1}, trust_forwarded_for=is_trusted)
        # What a client writes itself stands before what its proxy writes.
        addresses = ["1.1.1.1", "2.2.2.2", "1.1.1.1", "9.9.9.9, 2.2.2.2"]
        found = [
            limited.post("/translate", HUND, headers={"X-Forwarded-For": address}).status_code
            for address in addresses
        ]
        assert found == statuses

    def test_an_address_is_the_same_whatever_its_port(self, make_server):
        limited = make_server(limits={"requests_per_minute": 1}, trust_forwarded_for=True)
        same = [
            ["203.0.113.7", "203.0.113.7:4711", " 203.0.113.7:80", "::ffff:203.0.113.7"],
            ["2001:db8::1", "[2001:db8::1]:443", '"[2001:db8::2]"', "2001:db8:0:0:ffff::9"],
            ["2001:db8:0:1::1", "2001:DB8:0:1::2"],
            ["unknown", "unknown"],
        ]
        for addresses in same:
            found = [
                limited.post("/translate", HUND, headers={"X-Forwarded-For": address}).status_code
                for address in addresses
            ]
            assert found == [200] + [429] * (len(addresses) - 1), addresses

    def test_a_full_queue(self, make_server):
        full = make_server(queue={"waiting_requests": 1})
        full.backend.gate = threading.Event()
        with ThreadPoolExecutor() as threads:
            first = threads.submit(full.translate, "eins")
            assert full.backend.entered.wait(10)
            second = threads.submit(full.translate, "zwei")
            wait_for(lambda: full.service._batcher.waiting[0] == 1)
            refused = full.translate("drei")
            full.backend.gate.set()
        error(refused, 503)
        assert refused.headers["retry-after"] == "2"
        assert (first.result().status_code, second.result().status_code) == (200, 200)

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
        for _ in range(2):
            assert keyed.translate("Hund und Katze", api_key=secret).status_code == 200
        assert error(keyed.translate("Hund", api_key=secret), 429) == "Slowdown: 2 per 1 minute"

    def test_a_file_of_keys_that_is_locked_stops_nobody_for_long(self, make_server, path, monkeypatch):
        secret, _ = KeyStore(path).add("ann")
        monkeypatch.setattr(admission, "_WAIT_SECONDS", 0.01)
        keyed = make_server(keys=path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            response = keyed.translate("Hund.", api_key=secret)
            assert error(response, 503) == "API keys cannot be read at the moment"
            assert response.headers["retry-after"] == "1"
            assert keyed.translate("Hund.").json() == TRANSLATED
            other.execute("ROLLBACK")
        assert keyed.translate("Hund.", api_key=secret).json() == TRANSLATED

    @pytest.mark.parametrize(
        ("settings", "where"),
        [
            ({"require_key": True}, "Please contact the server operator"),
            ({"limits": {"requests_per_minute": 0}}, "Please contact the server operator"),
            ({"require_key": True, "key_url": "https://example.org/"}, "Visit https://example.org/"),
        ],
    )
    def test_a_key_may_be_required(self, make_server, path, settings, where):
        secret, _ = KeyStore(path).add(requests_per_minute=-1)
        keyed = make_server(keys=path, **settings)
        for path_ in ("/translate", "/detect"):
            assert error(keyed.post(path_, HUND), 400) == f"{where} to get an API key"
            assert keyed.post(path_, HUND | {"api_key": secret}).status_code == 200
        error(keyed.post("/translate", HUND, headers={"Authorization": f"Bearer {secret}"}), 400)
        found = keyed.get("/frontend/settings").json()
        assert (found["apiKeys"], found["keyRequired"]) == (True, "require_key" in settings)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=12)
    | st.sampled_from(["de", "en", "auto", "html", "Hund.", "", "zz", "fr_FR", "\ud800", "2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = ("q", "source", "target", "format", "alternatives", "api_key", "s", "file", "translation", "pack")
PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--b--'
SHAPES = {
    "application/json": lambda data: data,
    "application/json; half": lambda data: data[: len(data) // 2],
    "application/x-www-form-urlencoded": lambda data: data.replace(b":", b"=").replace(b",", b"&"),
    "multipart/form-data; boundary=b": lambda data: PART % (b"q", data),
    "multipart/form-data; boundary=b; of=file": lambda data: PART % (b'file"; filename="a.txt', data),
    "x/y": lambda data: data,
}
PATHS = (
    "/translate", "/translate?q=a&source=de&target=en", "/detect", "/translate_file", "/v1/stream", "/suggest",
    "/v1/links", "/v1/map",
)  # fmt: skip


class TestAnything:
    """Whatever comes in, a JSON error or a translation goes out."""

    @pytest.fixture(scope="class")
    def small(self, make_server):
        return make_server(limits={"alternatives": 3})

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(
        st.sampled_from(PATHS), st.sampled_from([*SHAPES]), st.dictionaries(st.sampled_from(NAMES), VALUES),
        st.booleans(),
    )  # fmt: skip
    def test_bodies(self, small, path, kind, fields, is_likely):
        fields = {**HUND, "translation": "dog.", **fields} if is_likely else fields
        data = json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")
        response = small.client.post(path, content=SHAPES[kind](data), headers={"Content-Type": kind})
        assert response.status_code < 500
        if response.headers["content-type"].startswith("application/json"):
            assert response.status_code == 200 or set(response.json()) == {"error"}
        else:
            assert events(response)[-1][0] == "end"

    @pytest.mark.parametrize("format", ["text", "html"])
    def test_every_script_keeps_its_lines(self, server, format):
        chooser = random.Random(7)
        starts = (
            0x20, 0x370, 0x400, 0x590, 0x600, 0x900, 0xE00, 0x1000, 0x1200, 0x3040, 0x4E00, 0xAC00, 0x1F300,
        )  # fmt: skip
        lines = ["".join(chr(start + chooser.randrange(90)) for _ in range(20)) for start in starts * 3]
        text = "\n".join(line.replace("\x7f", "").replace("\u2028", "") for line in lines)
        answer = server.translate([text, *lines], source="auto", format=format).json()["translatedText"]
        assert answer[0].count("\n") == text.count("\n") and len(answer) == len(lines) + 1
