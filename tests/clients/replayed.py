"""What programs that cannot be installed here send, as their sources have it: Mastodon, Weblate, a browser's page."""

from __future__ import annotations

import json
import sys
import urllib.request
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

BASE, FACTS = sys.argv[1], json.loads(sys.argv[2])
JSON = {"Content-Type": "application/json"}


def ask(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = HTTPConnection(urlsplit(BASE).netloc, timeout=20)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, json.loads(response.read() or b"null")


def post(fields: dict[str, Any]) -> tuple[int, Any]:
    return ask("POST", "/translate", json.dumps(fields).encode(), JSON)


def mastodon() -> None:
    """A post's parts as HTML in a list, the source guessed; languages by GET with a type of JSON."""
    status, languages = ask("GET", "/languages", headers=JSON)
    assert status == 200 and {each["code"]: each["targets"] for each in languages} == FACTS["targets"]
    german = FACTS["german"]
    parts = [
        f'<p>{german}</p><p><a href="https://example.org/a?b=1&amp;c" rel="nofollow">example.org</a></p>',
        german, "<p>😀</p>", "",
    ]  # fmt: skip
    fields = {"q": parts, "source": "auto", "target": "en", "format": "html", "api_key": None}
    status, answer = post(fields)
    assert status == 200, answer
    texts, detected = answer["translatedText"], answer["detectedLanguage"]
    assert len(texts) == len(detected) == len(parts)
    assert texts[0].startswith(f'<p>{FACTS["english"]}</p><p><a href="https://example.org/a?b=1&amp;c"')
    assert texts[1:] == [FACTS["english"], "<p>😀</p>", ""]
    assert [each["language"] for each in detected[:2]] == ["de", "de"]
    status, answer = post(fields | {"source": "de"})
    assert status == 200 and answer["translatedText"][0] == texts[0] and "detectedLanguage" not in answer
    status, answer = post(fields | {"source": "en", "target": "de"})
    assert status == 400 and answer["error"]


def weblate() -> None:
    """Up to twenty strings as JSON, placeholders among them, without a format; codes of the languages by GET."""
    status, languages = ask("GET", "/languages")
    assert status == 200 and {each["code"] for each in languages} == set(FACTS["targets"])
    strings = [FACTS["german"], "%(count)s", "12:30", "{name}", "", *[FACTS["german"]] * 15]
    status, answer = post({"api_key": "", "q": strings, "source": "de", "target": "en"})
    assert status == 200, answer
    english = FACTS["english"]
    assert answer["translatedText"] == [english, "%(count)s", "12:30", "{name}", "", *[english] * 15]
    status, answer = post({"api_key": "", "q": strings, "source": "de", "target": "xx"})
    assert status == 400 and answer["error"]


def page() -> None:
    """A multipart form with alternatives and an empty key, after the settings and the languages."""
    status, settings = ask("GET", "/frontend/settings")
    assert status == 200 and settings["language"]["source"]["code"] == "auto"
    fields = {
        "q": FACTS["german"], "source": "auto", "target": "en", "format": "text", "alternatives": "3", "api_key": "",
    }  # fmt: skip
    form = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": "http://127.0.0.1"}
    status, answer = ask("POST", "/translate", f"{form}--x--\r\n".encode(), headers)
    assert status == 200 and answer["translatedText"] == FACTS["english"]
    assert answer["detectedLanguage"]["language"] == "de" and 0 < len(answer["alternatives"]) <= 3
    for method in ("HEAD", "OPTIONS"):
        address = f"{BASE}/translate" if method == "OPTIONS" else f"{BASE}/languages"
        origin = {"Origin": "https://example.org"}
        request = urllib.request.Request(address, method=method, headers=origin)
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == 200 and response.read() == b""
            assert response.headers["Access-Control-Allow-Origin"] == "*"


if __name__ == "__main__":
    {"mastodon": mastodon, "weblate": weblate, "page": page}[sys.argv[3]]()
