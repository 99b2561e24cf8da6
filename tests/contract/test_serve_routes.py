"""The other routes, and what all answers have in common."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from toy_server import GERMAN, HUND, TRANSLATED, error


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

    def test_openapi_says_what_may_not_be_empty(self, server):
        content = server.get("/openapi.json").json()["paths"]["/translate"]["post"]["requestBody"]["content"]
        form = content["multipart/form-data"]["schema"]["properties"]
        assert [form[name]["minLength"] for name in ("q", "source", "target")] == [1, 1, 1]
        text, texts = content["application/json"]["schema"]["properties"]["q"]["oneOf"]
        assert text["minLength"] == 1 and texts["minItems"] == 1 and "minLength" not in texts["items"]

    def test_openapi_says_that_a_stream_is_of_one_text(self, server):
        content = server.get("/openapi.json").json()["paths"]["/v1/stream"]["post"]["requestBody"]["content"]
        q = content["application/json"]["schema"]["properties"]["q"]
        assert (q["type"], q["minLength"]) == ("string", 1)
        assert server.post("/v1/stream", HUND | {"q": ["Hund."]}).status_code == 400

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

    def test_subtitles_keep_their_times(self, server):
        data = b"1\n00:00:01,000 --> 00:00:02,000\nHund.\n\n2\n00:00:03,000 --> 00:00:04,000\nKatze.\n"
        url = self.upload(server, "film.srt", data).json()["translatedFileUrl"]
        assert server.client.get(url).content == data.replace(b"Hund", b"En:hund").replace(
            b"Katze", b"En:katze"
        )

    def test_what_is_not_its_kind(self, server):
        assert "cannot be read" in error(self.upload(server, "book.epub", b"PK no zip"), 400)

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

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/translate", "POST, OPTIONS"), ("/languages", "GET, HEAD, OPTIONS"),
            ("/download_file/x", "GET, HEAD, OPTIONS"), ("/nothing", "GET, HEAD, POST, OPTIONS"),
        ],
    )  # fmt: skip
    def test_options_names_the_methods_of_a_path(self, server, path, allowed):
        assert server.client.options(path).headers["allow"] == allowed

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
