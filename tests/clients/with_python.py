"""Clients from PyPI against a running server: ``with_python.py CLIENT URL FACTS``, each in an environment of its own."""

import json
import sys
from contextlib import contextmanager
from urllib.error import HTTPError

client, base, facts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
german, english, spanish = facts["german"], facts["english"], facts["spanish"]
ODD = "12:30 & 50% + 😀"


@contextmanager
def refused(status, kind=HTTPError):
    try:
        yield
    except kind as error:
        assert status == getattr(error, "code", None) or str(status) in str(error), error
    else:
        raise AssertionError(f"this was to be refused with {status}")


def libretranslatepy():
    """Forms, and a GET of the languages that has a body."""
    from libretranslatepy import LibreTranslateAPI

    api = LibreTranslateAPI(base)
    assert api.translate(german, "de", "en") == english
    assert api.translate(german, "de", "es") == spanish
    assert api.translate(facts["lines"], "de", "en") == facts["english_lines"]
    assert api.translate(ODD, "de", "en") == ODD
    guess = api.detect(german)[0]
    assert guess["language"] == "de" and 0 < guess["confidence"] <= 100, guess
    assert {each["code"]: each["targets"] for each in api.languages()} == facts["targets"]
    # With a key of the caller's, which this server does not ask for.
    assert LibreTranslateAPI(base, api_key="x").translate(german, "de", "en") == english
    for source, target in (("zz", "en"), ("en", "de")):
        with refused(400):
            api.translate(german, source, target)


def argostranslate():
    from argostranslate.apis import LibreTranslateAPI

    api = LibreTranslateAPI(base)
    assert api.translate(german, "de", "en") == english
    assert api.translate(german, "de", "es") == spanish
    assert api.translate(facts["lines"], "de", "en") == facts["english_lines"]
    guess = api.detect(german)[0]
    assert guess["language"] == "de" and 0 < guess["confidence"] <= 100, guess
    with refused(405):  # it asks for the languages by POST
        api.languages()


def translate():
    """With and without a source."""
    from libretranslatepy import LibreTranslateAPI
    from translate import Translator

    def translated(text, source, target):
        return Translator(to_lang=target, from_lang=source, provider="libre", base_url=base).translate(text)

    assert translated(german, "de", "en") == english
    assert translated(german, "de", "es") == spanish
    assert translated(german, "autodetect", "en") == english
    # It cuts at a thousand characters and asks for each part.
    long = " ".join(["12:30"] * 400)
    assert translated(long, "de", "en").split() == long.split()
    with refused(405):  # the libretranslatepy that it pins asks for the languages by POST
        LibreTranslateAPI(base).languages()


def deep_translator():
    """Everything in the query string of a POST."""
    from deep_translator import LibreTranslator
    from deep_translator.exceptions import ServerException

    def api(source, target):
        return LibreTranslator(source=source, target=target, custom_url=f"{base}/", api_key="x")

    assert api("German", "Spanish").translate(german) == spanish
    assert api("auto", "en").translate(german) == english
    texts = [german, "12:30", german]
    assert api("de", "en").translate_batch(texts) == [english, "12:30", english]
    for text in (ODD, " ".join(["12:30"] * 40_000)):
        assert api("de", "en").translate(text) == text
    with refused("ERR_BAD_REQUEST", ServerException):
        api("en", "de").translate(german)


CLIENTS = {
    "libretranslatepy": libretranslatepy, "argostranslate": argostranslate, "translate": translate,
    "deep-translator": deep_translator,
}  # fmt: skip
CLIENTS[client]()
