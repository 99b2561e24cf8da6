"""The other routes, and what all answers have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from crosslate.server import routes
from toy_server import GERMAN, HUND, TRANSLATED, error

LANGUAGES = [
    {"code": "en", "name": "English", "targets": ["en"], "zeroShot": [], "pivot": []},
    {"code": "fr", "name": "French", "targets": ["en", "es", "fr"], "zeroShot": [], "pivot": []},
    {"code": "de", "name": "German", "targets": ["de", "en", "es"], "zeroShot": ["es"], "pivot": []},
    {"code": "es", "name": "Spanish", "targets": ["es"], "zeroShot": [], "pivot": []},
]


class TestOtherRoutes:
    @pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
    @pytest.mark.parametrize("body", [b"", b"api_key=x", b"{"])
    def test_languages_whatever_a_get_carries(self, server, kind, body):
        for path in ("/languages", "http://testserver///languages"):
            response = server.client.request("GET", path, content=body, headers={"Content-Type": kind})
            assert response.json() == LANGUAGES

    def test_settings(self, server):
        found = server.get("/frontend/settings").json()
        formats = found.pop("supportedFilesFormat")
        assert ".txt" in formats and all(each.startswith(".") for each in formats)
        assert found == {
            "apiKeys": False, "charLimit": -1, "filesTranslation": True, "frontendTimeout": 500,
            "keyRequired": False, "suggestions": False,
            "language": {
                "source": {"code": "auto", "name": "Auto Detect"},
                "target": {"code": "en", "name": "English"},
            },
        }  # fmt: skip

    def test_health(self, server, make_server):
        assert server.get("/health").json() == {"status": "ok"}
        loading = make_server(is_loaded=False)
        response = loading.get("/health")
        assert response.status_code == 503 and response.json() == {"status": "loading"}
        for refused in (loading.translate("Hund"), loading.get("/languages"), loading.post("/detect", HUND)):
            assert "still loading" in error(refused, 503) and "retry-after" in refused.headers

    def test_packs(self, server):
        found = server.get("/v1/packs").json()
        assert [pack["name"] for pack in found["packs"]] == ["de-en", "fr-es"]
        assert found["packs"][0]["scores"][0]["value"] == 31.25
        kinds = {f"{each['source']}-{each['target']}": each["kind"] for each in found["directions"]}
        assert kinds == {"fr-en": "parent", "de-en": "pack", "fr-es": "pack", "de-es": "zero-shot"}
        assert found["resident"] == [{"name": "parent", "bytes": 1000}]

    def test_suggest_is_off(self, server):
        fields = HUND | {"s": "dog"}
        assert error(server.post("/suggest", fields), 403) == "Suggestions are disabled on this server."


class TestDescription:
    def test_every_module_of_routes_is_served_and_described(self, server):
        paths = server.get("/openapi.json").json()["paths"]
        for route in routes.routes():
            assert not route.include_in_schema or paths[route.path][min(route.methods).lower()]
        modules = {route.endpoint.__module__.rpartition(".")[2] for route in routes.routes()}
        assert modules == {module.stem for module in Path(routes.__file__).parent.glob("[a-z]*.py")}

    @pytest.mark.parametrize(
        ("path", "schemas"), [("/openapi.json", "#/components/schemas/"), ("/spec", "#/definitions/")]
    )
    def test_references_lead_somewhere_and_every_operation_says_what_it_does(self, server, path, schemas):
        found = server.get(path).json()
        known = found
        for name in schemas.strip("#/").split("/"):
            known = known[name]
        references = [part.split('"')[0] for part in json.dumps(found).split('"$ref": "')[1:]]
        assert references and all(each.removeprefix(schemas) in known for each in references)
        operations = [each for methods in found["paths"].values() for each in methods.values()]
        assert all(each["description"] and "422" not in each["responses"] for each in operations)

    def test_swagger(self, server):
        found = server.get("/spec").json()
        assert (found["swagger"], found["basePath"]) == ("2.0", "/")
        assert found["info"]["title"] and found["info"]["version"]
        fields = {each["name"]: each for each in found["paths"]["/translate"]["post"]["parameters"]}
        assert (fields["q"]["type"], fields["q"]["required"]) == ("string", True)
        assert (fields["alternatives"]["type"], fields["alternatives"]["required"]) == ("integer", False)
        (file, *_) = found["paths"]["/translate_file"]["post"]["parameters"]
        assert (file["name"], file["type"]) == ("file", "file")

    def test_openapi_says_what_may_not_be_empty_and_what_a_form_cannot_hold(self, server):
        paths = server.get("/openapi.json").json()["paths"]
        content = paths["/translate"]["post"]["requestBody"]["content"]
        form, body = (
            content[kind]["schema"]["properties"] for kind in ("multipart/form-data", "application/json")
        )
        assert content["application/x-www-form-urlencoded"] == content["multipart/form-data"]
        assert [form[name]["minLength"] for name in ("q", "source", "target")] == [1, 1, 1]
        text, texts = body["q"]["anyOf"]
        assert text["minLength"] == 1 and texts["minItems"] == 1 and "minLength" not in texts["items"]
        assert (form["format"]["enum"], body["format"]["enum"][-1]) == (["text", "html", ""], None)
        stream = paths["/v1/stream"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert (stream["properties"]["q"]["type"], stream["properties"]["q"]["minLength"]) == ("string", 1)

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
        server.get("/any?q=secret")
        server.get("/download_file/x")
        response = server.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain")
        lines = response.text.splitlines()
        for counted in ("/translate 200", "/translate 400", "other 404", "/download_file 404"):
            endpoint, status = counted.split()
            labels = f'{{endpoint="{endpoint}",status="{status}"}}'
            assert f"libretranslate_http_request_duration_seconds_count{labels} 1.0" in lines
        assert 'libretranslate_http_requests_in_flight{endpoint="/metrics"} 1.0' in lines
        assert "crosslate_segments_total 2.0" in lines and "crosslate_directions 4.0" in lines
        assert 'crosslate_resident_bytes{model="parent"} 1000.0' in lines
        assert not any(word in response.text for word in ("secret", "testclient", "_created"))

    def test_off_or_with_a_token(self, make_server):
        error(make_server(metrics=False).get("/metrics"), 404)
        server = make_server(metrics_token="open sesame")
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "open sesame"}):
            error(server.get("/metrics", headers=headers), 401)
        assert server.get("/metrics", headers={"Authorization": "Bearer open sesame"}).status_code == 200


SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nHund.\n\n2\n00:00:03,000 --> 00:00:04,000\nKatze.\n"


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "data", "ending"),
        [("my letter.txt", b"Hund.\n", ".my_letter_en.txt"), ("film.srt", SUBTITLES, ".film_en.srt")],
    )
    def test_there_and_back(self, server, name, data, ending):
        url = server.upload(name, data).json()["translatedFileUrl"]
        assert url.startswith("http://testserver/download_file/") and url.endswith(ending)
        response = server.client.get(url)
        assert response.content == data.replace(b"Hund", b"En:hund").replace(b"Katze", b"En:katze")
        assert response.headers["content-disposition"] == f'attachment; filename="{ending[1:]}"'

    @pytest.mark.parametrize("name", ["長い名前のファイル" * 20, "फ़ाइल", "a'b;c\\d", "😀", 'a"b', "\u202ea"])
    def test_any_name(self, server, name):
        url = server.upload(f"{name}.txt", b"Hund.\n").json()["translatedFileUrl"]
        assert server.client.get(url).content == b"En:hund.\n"

    def test_detected(self, server):
        response = server.upload(data=f"{GERMAN}\n".encode(), source="auto", target="es")
        assert b"Es:der hund" in server.client.get(response.json()["translatedFileUrl"]).content

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"name": "a.exe"}, "Invalid request: file format not supported"),
            ({"name": "a"}, "Invalid request: file format not supported"),
            ({"source": ""}, "Invalid request: missing source parameter"),
            ({"target": ""}, "Invalid request: missing target parameter"),
            ({"target": "zz"}, "zz is not supported"),
            ({"name": "book.epub", "data": b"PK no zip"}, "Invalid request: the file cannot be read"),
            ({"data": b"\xff\xfe\xfd\x00\xd8"}, "Invalid request: the file cannot be read"),
        ],
    )
    def test_refusals(self, server, changes, expected):
        assert error(server.upload(**changes), 400).startswith(expected)

    @pytest.mark.parametrize(
        "options", [{"data": {"source": "de"}}, {"data": {"file": "a"}}, {"json": {"file": "x"}}]
    )
    def test_no_file(self, server, options):
        message = error(server.client.post("/translate_file", **options), 400)
        assert message == "Invalid request: missing file parameter"

    def test_unknown_downloads(self, server):
        for name in ("nothing.txt", "..%2f..%2fetc%2fpasswd", "%00", "a" * 3000):
            error(server.get(f"/download_file/{name}"), 404)

    def test_no_room_for_an_upload(self, server, monkeypatch):
        def full(file):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile.rollover", full)
        response = server.upload(data=b"Hund.\n" * 200_000)
        assert error(response, 503) == "There is no room for the file"
        assert response.headers["retry-after"] == "60"
        assert server.upload().status_code == 200

    def test_off_or_too_large(self, make_server):
        off = make_server(files=False)
        assert error(off.upload(), 403) == "Files translation are disabled on this server."
        assert off.get("/frontend/settings").json()["filesTranslation"] is False
        small = make_server(limits={"file_bytes": 1000, "body_bytes": 10})
        assert small.upload().status_code == 200
        error(small.upload(data=b"x" * 100_000), 413)


class TestAcrossOrigins:
    ORIGIN: ClassVar = {"Origin": "https://example.org"}

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/languages", 200), ("GET", "/nothing", 404), ("GET", "/translate", 405),
            ("POST", "/translate", 400), ("OPTIONS", "/translate", 200), ("OPTIONS", "/nothing", 200),
            ("HEAD", "/languages", 200), ("GET", "/docs/", 200), ("POST", "/suggest", 403),
        ],
    )  # fmt: skip
    def test_every_answer_may_be_read_by_all_pages(self, server, method, path, status):
        response = server.client.request(method, path, headers=self.ORIGIN)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert method not in ("OPTIONS", "HEAD") or response.content == b""

    def test_a_browser_may_ask_first(self, server):
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-requested-with",
        }
        response = server.client.options("/translate", headers=self.ORIGIN | asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-methods"] == "GET, POST"
        allowed = response.headers["access-control-allow-headers"].split(", ")
        assert allowed == ["content-type", "x-requested-with"]  # tools add headers of their own

    def test_options_names_the_methods_of_a_path_and_head_is_get_without_a_body(self, server):
        for path, allowed in (
            ("/translate", "POST, OPTIONS"), ("/languages", "GET, HEAD, OPTIONS"),
            ("/download_file/x", "GET, HEAD, OPTIONS"), ("/nothing", "GET, HEAD, POST, OPTIONS"),
        ):  # fmt: skip
            assert server.client.options(path).headers["allow"] == allowed
        head, get = server.client.head("/languages"), server.get("/languages")
        assert head.headers["content-length"] == get.headers["content-length"]


def test_below_a_prefix(make_server):
    below = make_server(url_prefix="/mt")
    assert below.post("/mt/translate", HUND).json() == TRANSLATED
    assert below.get("/mt//languages").status_code == 200
    for path in ("/languages", "/mtx/languages", "/mtx"):
        error(below.get(path), 404)
    moved = below.client.get("/mt?source=de&q=a%20b", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "/mt/?source=de&q=a%20b")
    assert "<title>" in below.get("/mt").text
    assert below.client.get("/mt/docs", follow_redirects=False).headers["location"] == "/mt/docs/"
    assert below.get("/mt/spec").json()["basePath"] == "/mt"
    assert "/translate" in below.get("/mt/openapi.json").json()["paths"]
    url = below.upload(path="/mt/translate_file").json()["translatedFileUrl"]
    assert url.startswith("http://testserver/mt/download_file/")
    assert below.client.get(url).status_code == 200


def test_texts_are_in_no_log_unless_asked_for(make_server, caplog):
    with caplog.at_level("DEBUG", logger="crosslate"):
        server = make_server()
        server.translate("Geheimnis. Explode!")
        server.client.post("/translate", params=HUND | {"q": "Geheimnis"})
        server.translate("Geheimnis", api_key="Geheimnis", target="zz")
        assert "/translate" in caplog.text and "geheimnis" not in caplog.text.lower()
        make_server(log_text=True).translate("Geheimnis")
    assert "'Geheimnis' -> 'En:geheimnis'" in caplog.text
