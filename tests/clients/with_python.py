"""Clients from PyPI against a running server: ``with_python.py CLIENT URL FACTS``, each in an environment of its own."""

import asyncio
import json
import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
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


def openai():
    """Answers, streams, models, errors, retries, and the example of the guide."""
    from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

    printed = StringIO()
    with redirect_stdout(printed):
        exec(facts["example"], {})
    assert printed.getvalue() == facts["morning"] + "\n"

    api = OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)

    def chat(text, model="de-en", **more):
        messages = [{"role": "system", "content": "Translate."}, {"role": "user", "content": text}]
        return api.chat.completions.create(model=model, messages=messages, **more)

    answer = chat(german, temperature=0, max_tokens=5)
    assert answer.choices[0].message.content == english and answer.choices[0].finish_reason == "stop"
    assert answer.model == "de-en" and answer.usage.total_tokens > answer.usage.prompt_tokens > 10
    assert chat(german, "auto-es").choices[0].message.content == spanish
    assert (
        chat([{"type": "text", "text": ODD}], extra_body={"packs": ["de-en"]}).choices[0].message.content
        == ODD
    )
    for text, translation in ((german, english), (facts["lines"], facts["english_lines"])):
        chunks = [*chat(text, stream=True, stream_options={"include_usage": True})]
        assert "".join(each.choices[0].delta.content or "" for each in chunks[:-1]) == translation
        assert chunks[-1].usage.completion_tokens > 0 and chunks[-2].choices[0].finish_reason == "stop"
    long = "\n".join([german] * 100)
    assert "".join(each.choices[0].delta.content or "" for each in chat(long, stream=True)).count("\n") == 99
    with api.chat.completions.stream(model="de-en", messages=[{"role": "user", "content": german}]) as events:
        assert events.get_final_completion().choices[0].message.content == english

    names = {each.id for each in api.models.list()}
    pairs = {
        f"{source}-{target}" for source, all in facts["targets"].items() for target in all if target != source
    }
    assert names == pairs | {f"auto-{target}" for target in ("en", "es")}
    assert api.models.retrieve("de-en").id == "de-en"

    try:
        chat(german, "gpt-4o")
    except NotFoundError as error:
        assert (error.code, error.param) == ("model_not_found", "model") and "de-en" in str(error)
    else:
        raise AssertionError("there is no such model")
    with refused(400, BadRequestError):
        chat("")

    async def twice():
        client = AsyncOpenAI(base_url=f"{base}/v1", api_key="none")
        messages = [{"role": "user", "content": german}]
        create = client.chat.completions.create
        both = await asyncio.gather(*(create(model="de-en", messages=messages) for _ in range(2)))
        assert [each.choices[0].message.content for each in both] == [english] * 2

    asyncio.run(twice())


CLIENTS = {
    "libretranslatepy": libretranslatepy, "argostranslate": argostranslate, "translate": translate,
    "deep-translator": deep_translator, "openai": openai,
}  # fmt: skip
CLIENTS[client]()
