import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from crosslate.server import downloads as module
from crosslate.server.answers import Refusal
from crosslate.server.downloads import Downloads
from toy_server import wait_for


@pytest.fixture
def downloads():
    made = Downloads(1000)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("letter.txt", ".letter_de.txt"), ("../../etc/pass wd.TXT", ".pass_wd_de.txt"),
        ("C:\\docs\\a&b.html", ".a_b_de.html"), (".txt", ".txt_de"), ("日本.txt", ".日本_de.txt"),
        ("a" * 300 + ".txt", "." + "a" * 80 + "_de.txt"), ("長い名前" * 60 + ".txt", "." + "長い名前" * 13 + "長_de.txt"),
        ("हिन्दी में.txt", ".हिन्दी_में_de.txt"), ("น้ำ.html", ".น้ำ_de.html"), ("U\u0308ben.txt", ".Üben_de.txt"),
    ],
)  # fmt: skip
def test_names(downloads, given, end):
    name = downloads.save(b"x", given, "de")
    assert name[36:] == end
    assert downloads.find(name).read_bytes() == b"x"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "x", "../x", "/etc/passwd", "a" * 5000, "\0", f"{uuid.uuid4()}.{'名' * 200}"]
)
def test_other_names_are_not_found(downloads, name):
    assert downloads.find(name) is None


def aged(downloads, path, seconds):
    downloads._times[path.name] = time.monotonic() - seconds


def test_old_files_go_without_another_one(monkeypatch):
    monkeypatch.setattr(module, "_SWEEP_SECONDS", 0.05)
    downloads = Downloads(1000)
    path = downloads.find(downloads.save(b"x", "a.txt", "de"))
    aged(downloads, path, 32 * 60)
    wait_for(lambda: not path.exists())
    downloads.close()


def test_the_oldest_give_way_to_new_ones(downloads):
    names = [downloads.save(b"x" * 400, f"{number}.txt", "de") for number in range(2)]
    aged(downloads, downloads.find(names[0]), 10)
    names.append(downloads.save(b"x" * 400, "2.txt", "de"))
    assert [downloads.find(name) is not None for name in names] == [False, True, True]
    with pytest.raises(Refusal, match="larger than 1000 bytes"):
        downloads.save(b"x" * 1001, "3.txt", "de")
    assert downloads.find(names[2])


def test_a_folder_that_was_cleaned_away_is_made_again(downloads):
    folder = downloads.find(downloads.save(b"x", "a.txt", "de")).parent
    shutil.rmtree(folder)
    downloads.remove_old(1000)
    path = downloads.find(downloads.save(b"y", "a.txt", "de"))
    assert path.parent == folder and folder.stat().st_mode & 0o077 == 0
    Downloads(1000).close()  # which takes it for no leftover
    assert path.read_bytes() == b"y"


def test_a_full_disk_leaves_nothing_behind(downloads, monkeypatch):
    def write(path, data):
        path.open("wb").write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(Refusal, match="no room") as refused:
        downloads.save(b"xyz", "a.txt", "de")
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "60"})
    assert [path.name for path in downloads._folder.iterdir()] == [".lock"]


def test_a_clock_that_is_set_changes_nothing(downloads):
    path = downloads.find(downloads.save(b"x", "a.txt", "de"))
    for change in (3600, -3600):
        os.utime(path, (time.time() - change,) * 2)
        downloads.remove_old(1000)
        assert downloads.find(path.name) == path
    aged(downloads, path, 30 * 60 + 1)
    assert downloads.find(path.name) is None


@pytest.mark.skipif(os.name == "nt", reason="files are locked as POSIX systems do")
def test_what_a_server_left_behind_is_removed_at_the_next_start(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import os; from crosslate.server.downloads import Downloads as D; "
    code += "print(D(1000).save(b'x', 'a.txt', 'de'), flush=True); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    (left,) = tmp_path.iterdir()
    running = Downloads(1000)
    assert not left.exists()
    kept = running.find(running.save(b"x", "a.txt", "de"))
    (tmp_path / "crosslate-files-of-another-program").mkdir()
    other = Downloads(1000)
    assert kept.exists() and (tmp_path / "crosslate-files-of-another-program").exists()
    other.close()
    running.close()


def test_old_files_go_and_at_the_end_all(downloads):
    name = downloads.save(b"x", "a.txt", "de")
    path = downloads.find(name)
    aged(downloads, path, 30 * 60 + 1)
    assert downloads.find(name) is None and path.exists()  # it may be on its way
    aged(downloads, path, 32 * 60)
    downloads.save(b"y", "b.txt", "de")
    assert not path.exists() and path.parent.exists()
    downloads.close()
    assert not path.parent.exists()
