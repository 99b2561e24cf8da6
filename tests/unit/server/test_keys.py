import sqlite3
import subprocess
import sys
from contextlib import closing

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


def test_a_copy_while_keys_are_added_is_the_state_of_one_moment_and_restores_it(store, path, tmp_path):
    """Keys are added in another process; a server goes on reading the file into which they are restored."""
    code = (
        "import sys, time; from pathlib import Path; from crosslate.server.keys import KeyStore\n"
        "store = KeyStore(Path(sys.argv[1]))\n"
        "for number in range(10_000): print(store.add(f'{number:05}')[0], flush=True); time.sleep(0.01)"
    )
    copy, secrets = tmp_path / "copies" / "keys.db", []
    adding = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    with adding, closing(adding.stdout):
        for _ in range(5):
            secrets.append(adding.stdout.readline().strip())
            count = store.copy(copy)
            labels = sorted(key.label for key in KeyStore(copy).all())
            assert labels == [f"{number:05}" for number in range(count)] and count >= len(secrets)
        adding.kill()
    later, _ = store.add("later")
    assert copy.stat().st_mode & 0o077 == 0
    assert KeyStore(copy).copy(path) == count
    assert all(store.find(secret) for secret in secrets) and store.find(later) is None
    assert sorted(key.label for key in store.all()) == labels


def test_a_copy_that_fails_leaves_what_was_there(store, path, tmp_path):
    store.add("ann")
    with pytest.raises(UsageError, match="is the file of keys itself"):
        store.copy(path)
    other = KeyStore(tmp_path / "other.db", wait_seconds=0.1)
    other.add("bob")
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as holding:
        holding.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="locked"):
            KeyStore(path, wait_seconds=0.1).copy(tmp_path / "other.db")
    assert [key.label for key in other.all()] == ["bob"]
    (tmp_path / "notes.txt").write_text("no keys " * 200)
    with pytest.raises(InputError, match="cannot be used as a file of keys"):
        store.copy(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "no keys " * 200


def test_a_full_disk_leaves_no_half_copy(store, tmp_path, monkeypatch):
    store.add("ann")

    def fail(store, rows):
        raise InputError("database or disk is full")

    monkeypatch.setattr(KeyStore, "_replace_all", fail)
    with pytest.raises(InputError, match="disk is full"):
        store.copy(tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


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
