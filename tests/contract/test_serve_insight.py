"""What the server reads out of its models: links between words, nearest words, maps."""

from __future__ import annotations

import pytest

from crosslate.packs.stored_model import StoredModel
from crosslate.translation.word_links import attention_align
from toy_server import error

LINKS = {"q": "Hund sieht Katze.", "translation": "dog sees cat.", "source": "de", "target": "en"}
WORDS = [[0, 4], [5, 10], [11, 16], [16, 17]]


class TestLinks:
    def test_words_and_their_links(self, server, tiny):
        found = server.post("/v1/links", LINKS).json()
        assert (found["source"], found["target"]) == (WORDS, [[0, 3], [4, 8], [9, 12], [12, 13]])
        model = StoredModel([tiny / "packs" / "de-en"], tiny / "parents" / "fr-en").load()
        align = attention_align(model, [(LINKS["q"], LINKS["translation"])])
        expected = align(["Hund", "sieht", "Katze", "."], ["dog", "sees", "cat", "."])
        assert found["links"] == [list(link) for link in expected] and len(expected) >= 4

    def test_a_line_is_linked_within_its_own_translation(self, server):
        two = LINKS | {"q": "Hund.\n\nKatze sieht Hund.", "translation": "dog.\n\ncat sees dog."}
        found = server.post("/v1/links", two).json()
        assert found["source"] == [[0, 4], [4, 5], [7, 12], [13, 18], [19, 23], [23, 24]]
        assert all((target < 2) == (source < 2) for target, source in found["links"])

    def test_offsets_are_of_characters_and_what_is_too_long_has_no_links(self, server):
        found = server.post("/v1/links", LINKS | {"q": "😀 Hund", "translation": "😀 dog"}).json()
        assert found["source"] == [[0, 1], [2, 6]]
        found = server.post("/v1/links", LINKS | {"q": "Hund " * 40, "translation": "dog " * 40}).json()
        assert len(found["source"]) == 40 and found["links"] == []


class TestNeighbours:
    def test_a_word_lies_where_its_translation_does(self, server):
        found = server.post("/v1/neighbours", {"q": "hund", "pack": "de-en"}).json()
        assert (found["word"], found["language"]) == ("Hund", "de")
        (parent,) = found["neighbours"]
        assert (parent["pack"], parent["language"], len(parent["words"])) == ("", "fr", 8)
        nearest = parent["words"][0]
        assert (nearest["word"], nearest["cosine"]) == ("chien", 1.0)
        assert (nearest["x"], nearest["y"]) == (found["x"], found["y"])

    def test_a_word_of_the_parent_among_those_of_packs(self, server):
        found = server.post("/v1/neighbours", {"q": "chien"}).json()
        assert [(each["pack"], each["words"][0]["word"]) for each in found["neighbours"]] == [
            ("de-en", "Hund")
        ]
        on_the_target = server.post("/v1/neighbours", {"q": "dog", "side": "target"}).json()
        assert [each["pack"] for each in on_the_target["neighbours"]] == ["fr-es"]


def test_a_map_of_words_that_found_each_other(server):
    found = server.post("/v1/map", {"pack": "de-en"}).json()
    assert (found["language"], found["parentLanguage"]) == ("de", "fr") and 0 < found["share"] <= 1
    pairs = {each["word"]: each for each in found["pairs"]}
    for word, translation in (("Hund", "chien"), ("Katze", "chat"), ("Haus", "livre")):
        each = pairs[word]
        assert each["translation"] == translation
        assert (each["x"], each["y"]) == (each["translationX"], each["translationY"])


REFUSED = [
    ("links", {"translation": ""}, "missing translation parameter"),
    ("links", {"q": ""}, "missing q parameter"),
    ("links", {"source": "zz"}, "zz is not supported"),
    ("links", {"source": "auto"}, "auto is not supported"),
    ("links", {"source": "es"}, "English (en) is not available as a target language from Spanish (es)"),
    ("links", {"source": "en"}, "No single model translates en to en, so no words are linked"),
    ("links", {"translation": "x" * 5001}, "request (5001) exceeds text limit (5000)"),
    ("neighbours", {"pack": "de-en"}, "missing q parameter"),
    ("neighbours", {"q": "Hundehaus", "pack": "de-en"}, "Hundehaus is not one piece of this vocabulary; it is cut into ▁Hund"),
    ("neighbours", {"q": "x" * 101}, "exceeds text limit (100)"),
    ("neighbours", {"q": "Hund", "pack": "no"}, "There is no pack no with new embeddings"),
    ("neighbours", {"q": "Hund", "side": "up"}, "side parameter is neither source nor target"),
    ("neighbours", {"q": "Hund", "pack": "de-en", "side": "target"}, "There is no pack de-en with target embeddings"),
    ("map", {}, "missing pack"),
    ("map", {"pack": "x"}, "There is no pack x"),
]  # fmt: skip


@pytest.mark.parametrize(("route", "fields", "expected"), REFUSED)
def test_refusals(server, route, fields, expected):
    fields = LINKS | fields if route == "links" else fields
    assert expected in error(server.post(f"/v1/{route}", fields), 400)


def test_bounds(make_server):
    limited = make_server(limits={"requests_per_minute": 1, "characters": 10})
    assert "(17) exceeds text limit (10)" in error(limited.post("/v1/links", LINKS), 400)
    assert "Slowdown" in error(limited.post("/v1/links", LINKS), 429)
    assert limited.post("/v1/neighbours", {"q": "chien"}).status_code == 200  # counted by itself
    limited.service.insight._num_waiting = 16
    response = limited.post("/v1/map", {"pack": "de-en"})
    assert "waiting" in error(response, 503) and response.headers["retry-after"] == "2"


def test_it_can_be_switched_off(make_server):
    off = make_server(insight=False)
    assert off.get("/v1/packs").json()["insight"] is False
    for route in ("links", "neighbours", "map"):
        assert "disabled" in error(off.post(f"/v1/{route}", {}), 403)
