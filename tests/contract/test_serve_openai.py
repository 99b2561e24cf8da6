"""The routes in the shapes of OpenAI's API, by plain HTTP; ``make test-clients`` has its own client."""

from __future__ import annotations

import json
import re
import shlex
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.server.keys import KeyStore
from toy_server import GERMAN, wait_for

CHAT = "/v1/chat/completions"
HUND = {"model": "de-en", "messages": [{"role": "user", "content": "Hund."}]}


def user(content):
    return {"messages": [{"role": "user", "content": content}]}


def content(response):
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    return choice["message"]["content"]


def error(response, status):
    """The error of an answer, which has OpenAI's shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]


def chunks(response):
    """The chunks of a stream, without the line that ends it."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, last, nothing = response.text.split("\n\n")
    assert (last, nothing) == ("data: [DONE]", "")
    return [json.loads(each.removeprefix("data: ")) for each in events]


class TestCompletion:
    def test_the_whole_answer(self, server):
        answer = server.post(CHAT, HUND).json()
        assert answer.pop("id").startswith("chatcmpl-")
        assert answer.pop("created") > 1_700_000_000
        message = {"role": "assistant", "content": "En:hund.", "refusal": None}
        # A token for each character and the end; the toy writes one for each word.
        usage = {"prompt_tokens": 6, "completion_tokens": 1, "total_tokens": 7}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        assert answer == {
            "object": "chat.completion", "model": "de-en", "choices": [choice], "usage": usage,
        }  # fmt: skip

    def test_only_the_last_message_of_the_user_is_translated(self, server):
        server.backend.batches.clear()
        messages = [
            {"role": "system", "content": "You are a translator into Klingon."},
            {"role": "user", "content": "Katze."},
            {"role": "assistant", "content": "Cat.", "tool_calls": []},
            {"role": "user", "content": "Hund.", "name": "ann"},
            {"role": "assistant", "content": None},
        ]
        more = {"temperature": 0.2, "max_tokens": 1, "stop": ["u"], "tools": [{"type": "function"}], "n": 1}
        assert content(server.post(CHAT, HUND | more | {"messages": messages})) == "En:hund."
        assert server.backend.batches == [["Hund."]]

    def test_parts_of_text(self, server):
        parts = [{"type": "text", "text": "Hund."}, {"type": "text", "text": "Katze."}]
        assert content(server.post(CHAT, HUND | user(parts))) == "En:hund.\nEn:katze."

    @pytest.mark.parametrize(
        ("text", "translation"),
        [
            ("Hund.\n\n  - Katze.\r\n", "En:hund.\n\n  - En:katze.\r\n"), (" \n", " \n"), ("12:30", "12:30"),
            ("Hund \ud800", "En:hund �"),
        ],
    )  # fmt: skip
    def test_texts(self, server, text, translation):
        answer = server.post(CHAT, HUND | user(text))
        assert content(answer) == translation
        assert "".join(_contents(server.post(CHAT, HUND | user(text) | {"stream": True}))) == translation

    def test_a_long_conversation_is_read_beside_the_server(self, server):
        """Bodies above 100 kB are read by the worker, which hands over no more than is translated."""
        earlier = [{"role": "user", "content": "Katze. " * 100}, {"role": "assistant", "content": [[]] * 99}]
        text = [{"type": "text", "text": "Hund.\n" * 10, "more": [[1]]}]
        fields = HUND | {"messages": [*earlier * 200, *user(text)["messages"]], "tools": [[{}]] * 99}
        assert content(server.post(CHAT, fields)) == "En:hund.\n" * 10
        options = {"stream": True, "stream_options": {"include_usage": True, "more": {}}}
        assert chunks(server.post(CHAT, fields | options))[-1]["usage"]["prompt_tokens"] == 6
        assert error(server.post(CHAT, fields | {"messages": earlier[1:] * 2000}), 400)["param"] == "messages"
        nothing = [{"role": "user", "content": 5}, *earlier[1:] * 2000]
        assert error(server.post(CHAT, fields | {"messages": nothing}), 400)["param"] == "messages"
        error(server.post(CHAT, fields | {"messages": "a" * 200_000}), 400)

    def test_sentences_that_occur_again_count_once_and_what_is_kept_not_at_all(self, server):
        usage = server.post(CHAT, HUND | user("Hund. Hund.\n12:30\nKatze.")).json()["usage"]
        assert usage == {"prompt_tokens": 6 + 7, "completion_tokens": 2, "total_tokens": 15}


class TestModels:
    def test_pairs_and_detection(self, server):
        found = server.get("/v1/models").json()
        assert found["object"] == "list"
        assert [each["id"] for each in found["data"]] == [
            "de-en", "de-es", "fr-en", "fr-es", "auto-en", "auto-es",
        ]  # fmt: skip
        by_id = {each["id"]: each for each in found["data"]}
        assert by_id["fr-en"] == {"id": "fr-en", "object": "model", "created": 0, "owned_by": "crosslate"}
        # The toy packs are of different days; the pair of both is as new as the newer one.
        dates = {each["name"]: each["created"] for each in server.get("/v1/packs").json()["packs"]}
        assert by_id["de-es"]["created"] == max(by_id["de-en"]["created"], by_id["fr-es"]["created"]) > 0
        assert dates["de-en"].startswith("20")
        assert server.get("/v1/models/DEU-german").status_code == 404
        assert server.get("/v1/models/de-eng_Latn").json() == by_id["de-en"]
        assert error(server.get("/v1/models/gpt-4o"), 404)["code"] == "model_not_found"

    @pytest.mark.parametrize(
        ("model", "pair"),
        [
            ("de-en", "de-en"), ("DE-EN", "de-en"), ("deu-en_US", "de-en"), ("de-AT-en-GB", "de-en"),
            ("German-Spanish", "de-es"), ("auto-en", "de-en"), ("AUTO-Spanish", "de-es"),
        ],
    )  # fmt: skip
    def test_names(self, server, model, pair):
        answer = server.post(CHAT, {"model": model} | user(GERMAN)).json()
        assert answer["model"] == pair
        assert answer["choices"][0]["message"]["content"].startswith(pair[3:].capitalize() + ":der hund")

    @pytest.mark.parametrize(
        "model", ["gpt-4o", "de", "en-de", "de-de", "auto-de", "auto-", "x" * 200, "\ud800"]
    )
    def test_unknown(self, server, model):
        found = error(server.post(CHAT, HUND | {"model": model}), 404)
        assert (found["code"], found["param"], found["type"]) == (
            "model_not_found", "model", "invalid_request_error",
        )  # fmt: skip
        assert "does not exist; a model is a pair of languages like de-en" in found["message"]

    def test_a_text_that_is_in_no_language_stays(self, server):
        answer = server.post(CHAT, {"model": "auto-es"} | user("😀")).json()
        assert (answer["model"], answer["choices"][0]["message"]["content"]) == ("auto-es", "😀")

    def test_packs(self, server):
        assert content(server.post(CHAT, HUND | {"packs": ["de-en"]})) == "En:hund."
        assert (
            error(server.post(CHAT, HUND | {"packs": ["nl-en"]}), 400)["message"] == "There is no pack nl-en"
        )


def _contents(response):
    return [each["choices"][0]["delta"].get("content", "") for each in chunks(response)]


class TestStream:
    def test_chunks(self, server):
        found = chunks(server.post(CHAT, HUND | {"stream": True}))
        (head,) = {(each["id"], each["created"], each["model"], each["object"]) for each in found}
        assert head[2:] == ("de-en", "chat.completion.chunk")
        assert [each["choices"][0]["delta"] for each in found] == [
            {"role": "assistant", "content": "En:hund."}, {},
        ]  # fmt: skip
        assert [each["choices"][0]["finish_reason"] for each in found] == [None, "stop"]
        assert all("usage" not in each for each in found)

    def test_usage(self, server):
        fields = HUND | {"stream": True, "stream_options": {"include_usage": True}}
        *found, last = chunks(server.post(CHAT, fields))
        assert [each["usage"] for each in found] == [None, None]
        assert last["choices"] == [] and last["usage"]["total_tokens"] == 7

    @pytest.mark.parametrize("space", ["\n", "\r\n", " \n\n  - ", "\u2028", "\t\v"])
    def test_its_parts_are_the_whole(self, server, space):
        text = space.join(f"Das ist der Satz {number}. Hund." for number in range(100))
        found = _contents(server.post(CHAT, HUND | user(text) | {"stream": True}))
        assert len(found) > 3
        assert "".join(found) == content(server.post(CHAT, HUND | user(text)))

    def test_the_first_lines_do_not_wait_for_the_last(self, server):
        server.backend.batches.clear()
        text = "\n".join(f"Das ist der Satz {number}." for number in range(100))
        server.post(CHAT, HUND | user(text) | {"stream": True})
        assert len(server.backend.batches) > 3

    def test_what_fails_at_once_has_a_status_and_what_fails_later_an_event(self, server):
        found = error(server.post(CHAT, HUND | user("Explode!") | {"stream": True}), 500)
        assert (found["type"], found["code"]) == ("server_error", None)
        text = "Hund.\n" * 200 + "Explode!"
        body = server.post(CHAT, HUND | user(text) | {"stream": True}).text
        assert "[DONE]" not in body
        *_, last = body.strip().split("\n\n")
        assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"


REFUSED = [
    ({"model": None}, "model", "missing model parameter"),
    ({"model": ""}, "model", "model parameter"),
    ({"model": 5}, "model", "model parameter is not a text"),
    ({"messages": None}, "messages", "missing messages parameter"),
    ({"messages": "Hund."}, "messages", "messages parameter"),
    ({"messages": []}, "messages", "messages parameter"),
    ({"messages": [{"role": "system", "content": "Hund."}]}, "messages", "there is no text of the user"),
    (user(None), "messages", "there is no text of the user"),
    (user(""), "messages", "there is no text of the user"),
    (user([]), "messages", "there is no text of the user"),
    (user(5), "messages", "messages parameter"),
    (user([{"type": "image_url", "image_url": {"url": "x"}}]), "messages", "a part of type image_url is no text"),
    ({"n": 2}, "n", "n parameter"),
    ({"stream": "yes"}, "stream", "stream parameter"),
    ({"stream_options": {"include_usage": "yes"}}, "stream_options", "stream_options parameter"),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("changes", "field", "expected"), REFUSED)
    def test_fields(self, server, changes, field, expected):
        found = error(server.post(CHAT, HUND | changes), 400)
        assert (found["param"], found["type"], found["code"]) == (field, "invalid_request_error", None)
        assert expected in found["message"]

    def test_bodies(self, server, make_server):
        for body in (b"{", b"[]", b""):
            error(server.client.post(CHAT, content=body, headers={"Content-Type": "application/json"}), 400)
        form = server.client.post(CHAT, data={"model": "de-en", "messages": "Hund."})
        assert "the body is not JSON" in error(form, 400)["message"]
        error(server.get(CHAT), 405)
        error(make_server(limits={"body_bytes": 10}).post(CHAT, HUND), 413)
        error(make_server(is_loaded=False).post(CHAT, HUND), 503)
        error(make_server(is_loaded=False).get("/v1/models"), 503)

    def test_what_nobody_foresaw(self, make_server, monkeypatch):
        server = make_server()
        monkeypatch.setattr(server.service.translations, "sources", None)
        assert error(server.post(CHAT, HUND), 500)["type"] == "server_error"

    def test_the_limits_are_those_of_translations(self, make_server):
        limited = make_server(limits={"characters": 5, "requests_per_minute": 3})
        assert (
            "request (6) exceeds text limit (5)"
            in error(limited.post(CHAT, HUND | user("Hunde.")), 400)["message"]
        )
        assert content(limited.post(CHAT, HUND)) == "En:hund."
        assert limited.translate("Hund.").status_code == 200
        refused = limited.post(CHAT, HUND)
        found = error(refused, 429)
        assert (found["type"], found["code"]) == ("requests", "rate_limit_exceeded")
        assert 1 <= int(refused.headers["retry-after"]) <= 60

    @pytest.mark.parametrize("is_stream", [False, True])
    def test_time(self, make_server, is_stream):
        slow = make_server(limits={"request_seconds": 0.2})
        slow.backend.gate = threading.Event()
        assert (
            "took longer than 0.2 s" in error(slow.post(CHAT, HUND | {"stream": is_stream}), 504)["message"]
        )
        slow.backend.gate.set()
        wait_for(lambda: slow.service._batcher.waiting == (0, 0))

    def test_keys_are_the_servers_own(self, make_server, tmp_path):
        secret, _ = KeyStore(tmp_path / "keys.db").add("ann", characters=5)
        keyed = make_server(keys=tmp_path / "keys.db", require_key=True)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {secret}"}):
            found = error(keyed.post(CHAT, HUND, headers=headers), 401)
            assert (found["code"], found["type"]) == ("invalid_api_key", "invalid_request_error")
        error(keyed.post(CHAT, HUND | {"api_key": secret}), 401)
        own = {"Authorization": f"Bearer {secret}"}
        assert content(keyed.post(CHAT, HUND, headers=own)) == "En:hund."
        error(keyed.post(CHAT, HUND | user("Hunde."), headers=own), 400)
        # Programs send some key always, also to a server without keys.
        assert keyed.get("/v1/models", headers={"Authorization": "Bearer x"}).status_code == 200
        assert content(make_server().post(CHAT, HUND, headers={"Authorization": "Bearer x"})) == "En:hund."


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.sampled_from(["user", "system", "text", "Hund.", "de-en", "auto-en", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "include_usage"]), inner),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize("is_long", [False, True])
@given(
    fields=st.dictionaries(
        st.sampled_from(["model", "messages", "stream", "stream_options", "n", "packs"]), ANYTHING
    )
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_whatever_is_sent_is_answered(server, is_long, fields):
    more = {"padding": "x" * 100_000} if is_long else {}
    response = server.post(CHAT, HUND | fields | more)
    if response.status_code != 200:
        assert response.status_code in (400, 404)
        error(response, response.status_code)


def test_description(server):
    operation = server.get("/openapi.json").json()["paths"][CHAT]["post"]
    (kind,) = operation["requestBody"]["content"]
    assert kind == "application/json"
    schema = operation["requestBody"]["content"][kind]["schema"]
    assert schema["required"] == ["model", "messages"]
    assert schema["properties"]["messages"]["items"]["properties"]["role"] == {"type": "string"}
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    error_schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
    assert error_schema == {"$ref": "#/components/schemas/OpenAIError"}
    (body,) = server.get("/spec").json()["paths"][CHAT]["post"]["parameters"]
    assert (body["in"], body["schema"]["required"]) == ("body", ["model", "messages"])
    assert "#" not in json.dumps(body)
    assert "<code>messages</code>" in server.get("/docs/").text


def test_the_command_of_the_guide(server):
    guide = Path(__file__).parents[2] / "docs" / "guides" / "serving.md"
    (line,) = re.findall(
        r"^curl -s localhost:5000/v1.*\\\n.*", guide.read_text(encoding="utf-8"), re.MULTILINE
    )
    program, silent, address, *options = shlex.split(line.replace("\\\n", ""))
    assert (program, silent, options[::2]) == ("curl", "-s", ["-H", "-d"])
    path, header = address.removeprefix("localhost:5000"), dict([options[1].split(": ")])
    assert content(server.client.post(path, content=options[3], headers=header)) == "En:guten morgen."
