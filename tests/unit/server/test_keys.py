import pytest

from crosslate.errors import InputError, UsageError
from crosslate.server.keys import KeyStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "keys.db"


@pytest.fixture
def store(path):
    return KeyStore(path)


def test_a_key_is_found_by_itself_alone_and_the_file_does_not_hold_it(store, path):
    secret, key = store.add("ann", 120, 5000)
    assert (key.label, key.requests_per_minute, key.characters) == ("ann", 120, 5000)
    assert store.find(secret) == key
    assert [store.find(other) for other in (secret[:-1], key.id, "", secret + " ")] == [None] * 4
    assert secret.encode() not in path.read_bytes() and path.stat().st_mode & 0o077 == 0


def test_keys_differ_and_are_listed(store):
    assert store.add("a")[0] != store.add("b")[0]
    assert sorted(key.label for key in store.all()) == ["a", "b"]


def test_another_process_sees_a_removal(store, path):
    (secret, key), (other_secret, other_key) = store.add("ann"), store.add()
    other = KeyStore(path)
    assert (other.remove(key.id), other.remove(other_secret)) == (key, other_key)
    assert store.find(secret) is None
    with pytest.raises(UsageError, match="no such key"):
        other.remove(secret)


def test_a_file_in_place_of_the_one_that_was_opened_counts(store, path):
    secret, _ = store.add("ann")
    other = KeyStore(path.with_name("other.db"))
    (other_secret, key), _ = other.add("bob"), other.close()
    path.with_name("other.db").replace(path)
    assert (store.find(secret), store.find(other_secret)) == (None, key)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        store.find(other_secret)
    assert not path.exists()


def test_what_is_refused(store, tmp_path):
    with pytest.raises(UsageError, match="characters is -2"):
        store.add("x", None, -2)
    notes = tmp_path / "notes.txt"
    notes.write_text("these are no keys, only a long enough text to be no database" * 20)
    with pytest.raises(InputError, match="cannot be used as a file of keys"):
        KeyStore(notes)
    assert notes.read_text().startswith("these")
    with pytest.raises(InputError, match="no such file; expected a file of keys"):
        KeyStore(tmp_path / "mistyped.db", make=False)
    assert not (tmp_path / "mistyped.db").exists()
