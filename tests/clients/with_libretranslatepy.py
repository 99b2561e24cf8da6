"""PyPI's libretranslatepy against a running server: forms, and a GET of the languages that has a body."""

import json
import sys
from urllib.error import HTTPError

from libretranslatepy import LibreTranslateAPI

base, facts = sys.argv[1], json.loads(sys.argv[2])
client = LibreTranslateAPI(base)
assert client.translate(facts["german"], "de", "en") == facts["english"]
assert client.translate(facts["german"], "de", "es") == facts["spanish"]
assert client.translate(facts["lines"], "de", "en") == facts["english_lines"]
assert client.translate("12:30 & 50% + 😀", "de", "en") == "12:30 & 50% + 😀"
guess = client.detect(facts["german"])[0]
assert guess["language"] == "de" and 0 < guess["confidence"] <= 100, guess
assert {each["code"]: each["targets"] for each in client.languages()} == facts["targets"]
# With a key of the caller's, which this server does not ask for.
assert LibreTranslateAPI(base, api_key="x").translate(facts["german"], "de", "en") == facts["english"]
for source, target in (("zz", "en"), ("en", "de")):
    try:
        client.translate(facts["german"], source, target)
    except HTTPError as error:
        assert error.code == 400 and json.load(error)["error"], error
    else:
        raise AssertionError(f"{source}-{target} was not refused")
