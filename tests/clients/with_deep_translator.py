"""PyPI's deep-translator against a running server: everything in the query string of a POST."""

import json
import sys

from deep_translator import LibreTranslator
from deep_translator.exceptions import ServerException

base, facts = sys.argv[1], json.loads(sys.argv[2])


def client(source, target):
    return LibreTranslator(source=source, target=target, custom_url=f"{base}/", api_key="x")


german = client("de", "en")
assert german.translate(facts["german"]) == facts["english"]
assert german.translate("12:30 & 50% + 😀") == "12:30 & 50% + 😀"
assert client("German", "Spanish").translate(facts["german"]) == facts["spanish"]
assert client("auto", "en").translate(facts["german"]) == facts["english"]
assert german.translate_batch([facts["german"], "12:30", facts["german"]]) == [
    facts["english"], "12:30", facts["english"]
]  # fmt: skip
long = " ".join(["12:30"] * 40_000)
assert german.translate(long) == long
try:
    client("en", "de").translate(facts["german"])
except ServerException as error:
    assert "ERR_BAD_REQUEST" in str(error), error
else:
    raise AssertionError("English to German was not refused")
