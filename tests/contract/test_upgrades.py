"""What an upgrade keeps, as it was once written; packs are in ``test_pack_format.py``.

Once a version is released, add to these and never change or remove any: somebody has them in a file or script.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from crosslate.cli.options import Option
from crosslate.cli.serve import _OPTIONS
from crosslate.engines.model_cache import engine_folder
from crosslate.packs.stored_model import StoredModel
from crosslate.packs.ways import read_scores
from crosslate.server.keys import Key, KeyStore

PACK = Path(__file__).parent / "data" / "pack-v1"
OPTIONS = """
--parent --packs --collection --parent-langs --host --port --url-prefix --engine --quantization --memory --pivot
--beam --length-penalty --no-repeat-ngram --repetition-penalty --max-new-tokens --repetition-guard --char-limit
--batch-limit --alternatives-limit --req-limit --req-flood-threshold --body-limit --file-limit --timeout
--arrival-timeout --connection-limit --kept-files-limit --queue-limit --batch-tokens --batch-window --keys
--require-key --key-url --files --page --insight --metrics --metrics-token --trust-forwarded-for --log-text
"""
VARIABLES = "PARENT PACKS COLLECTION HOST PORT KEYS METRICS_TOKEN"
KEYS = """
CREATE TABLE keys (
    hash TEXT PRIMARY KEY, label TEXT NOT NULL, created TEXT NOT NULL, requests_per_minute INTEGER, characters INTEGER
);
INSERT INTO keys VALUES (
    '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b', 'ann', '2026-01-01T00:00:00Z', 120, NULL
);
"""  # of the key "secret"
SCORE = {
    "metric": "BLEU", "value": 31.2, "signature": "nrefs:1", "test_set": "test.de + test.en", "interval": [30.0, 32.4],
    "source_language": "de", "target_language": "en", "way": [["0" * 64], ["1" * 64]], "test_sha256": "2" * 64,
    "decoding": {"beam_size": 4},
}  # fmt: skip


def test_options_of_the_server_and_their_variables():
    assert set(OPTIONS.split()) <= set(_OPTIONS)
    variables = {each.envvar for each in _OPTIONS.values() if isinstance(each, Option)}
    assert {f"CROSSLATE_{name}" for name in VARIABLES.split()} <= variables


def test_a_file_of_keys(tmp_path):
    with closing(sqlite3.connect(tmp_path / "keys.db")) as connection:
        connection.executescript(KEYS)
    store = KeyStore(tmp_path / "keys.db")
    assert store.find("secret") == Key("2bb80d53", "ann", "2026-01-01T00:00:00Z", 120, None)
    assert store.find(store.add("bob")[0]).label == "bob"
    store.close()


def test_recorded_scores(tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"scores": [SCORE]}))
    (found,) = read_scores(tmp_path)
    assert (found.pair, found.way, found.value) == (("de", "en"), (("0" * 64,), ("1" * 64,)), 31.2)


def test_a_cached_model_is_found_where_it_was_kept():
    stored = StoredModel([PACK])
    assert stored.key() == "bbf5af355c9e65914ec8b616b5a43cc90abf5a992b02d1da4af162df2f73c1ff"
    folder = engine_folder(stored.origin, stored.key(), "float32")
    assert (folder.parent.name, folder.name) == (".crosslate-cache", "pack-v1-bbf5af355c9e6591-float32")
