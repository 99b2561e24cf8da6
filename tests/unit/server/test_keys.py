import sqlite3

import pytest

from crosslate.errors import InputError, UsageError
from crosslate.server.keys import KeyStore


@pytest.fixture
def store(tmp_path):
    return KeyStore(tmp_path / "keys" / "keys.db")


def test_a_key_is_found_by_itself_alone(store):
    secret, key = store.add("ann", 120, 5000)
    found = store.find(secret)
    assert (found.label, found.requests_per_minute, found.characters) == ("ann", 120, 5000)
    assert found == key
    for other in (secret[:-1], key.id, "", secret + " "):
        assert store.find(other) is None


def test_the_file_holds_no_key(store, tmp_path):
    secret, _ = store.add()
    data = (tmp_path / "keys" / "keys.db").read_bytes()
    assert secret.encode() not in data
    assert (tmp_path / "keys" / "keys.db").stat().st_mode & 0o077 == 0


def test_keys_differ_and_are_listed(store):
    assert store.add("a")[0] != store.add("b")[0]
    assert sorted(key.label for key in store.all()) == ["a", "b"]


def test_another_process_sees_a_removal(store, tmp_path):
    secret, key = store.add("ann")
    other = KeyStore(tmp_path / "keys" / "keys.db")
    assert other.remove(key.id) == key
    assert store.find(secret) is None
    with pytest.raises(UsageError, match="no such key"):
        other.remove(secret)


def test_removal_by_the_key_itself(store):
    secret, key = store.add()
    assert store.remove(secret) == key


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are no keys, only a long enough text to be no database" * 20)
    with pytest.raises(InputError, match="cannot be used as a file of keys"):
        KeyStore(path)
    assert path.read_text().startswith("these")


def test_nonsense_limits(store):
    with pytest.raises(UsageError, match="characters is -2"):
        store.add("x", None, -2)


def test_the_schema_is_plain(store, tmp_path):
    store.add("ann", -1)
    rows = sqlite3.connect(tmp_path / "keys" / "keys.db").execute(
        "SELECT label, requests_per_minute FROM keys"
    )
    assert rows.fetchall() == [("ann", -1)]


def test_a_file_that_is_only_read_is_not_made(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a file of keys"):
        KeyStore(tmp_path / "mistyped.db", make=False)
    assert list(tmp_path.iterdir()) == []
