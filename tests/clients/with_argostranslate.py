"""PyPI's argostranslate against a running server: its client of this API."""

import json
import sys
from urllib.error import HTTPError

from argostranslate.apis import LibreTranslateAPI

base, facts = sys.argv[1], json.loads(sys.argv[2])
client = LibreTranslateAPI(base)
assert client.translate(facts["german"], "de", "en") == facts["english"]
assert client.translate(facts["german"], "de", "es") == facts["spanish"]
assert client.translate(facts["lines"], "de", "en") == facts["english_lines"]
guess = client.detect(facts["german"])[0]
assert guess["language"] == "de" and 0 < guess["confidence"] <= 100, guess
# It asks for the languages by POST, which this API answers with 405 everywhere.
try:
    client.languages()
except HTTPError as error:
    assert error.code == 405, error
