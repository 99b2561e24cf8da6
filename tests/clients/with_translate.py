"""PyPI's translate against a running server: its provider of this API, with and without a source."""

import json
import sys
from urllib.error import HTTPError

from libretranslatepy import LibreTranslateAPI
from translate import Translator

base, facts = sys.argv[1], json.loads(sys.argv[2])


def client(source, target):
    return Translator(to_lang=target, from_lang=source, provider="libre", base_url=base)


assert client("de", "en").translate(facts["german"]) == facts["english"]
assert client("de", "es").translate(facts["german"]) == facts["spanish"]
assert client("autodetect", "en").translate(facts["german"]) == facts["english"]
# It cuts at a thousand characters and asks for each part.
long = " ".join(["12:30"] * 400)
assert client("de", "en").translate(long).split() == long.split()
# The libretranslatepy that it pins asks for the languages by POST, which this API answers with 405 everywhere.
try:
    LibreTranslateAPI(base).languages()
except HTTPError as error:
    assert error.code == 405, error
