import os
import time

import pytest

from crosslate.server.downloads import Downloads


@pytest.fixture
def downloads():
    made = Downloads()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("letter.txt", ".letter_de.txt"), ("../../etc/pass wd.TXT", ".pass_wd_de.txt"),
        ("C:\\docs\\a&b.html", ".a_b_de.html"), (".txt", ".txt_de"), ("日本.txt", ".日本_de.txt"),
        ("a" * 300 + ".txt", "." + "a" * 80 + "_de.txt"),
    ],
)  # fmt: skip
def test_names(downloads, given, end):
    name = downloads.save(b"x", given, "de")
    assert name[36:] == end
    assert downloads.find(name).read_bytes() == b"x"


@pytest.mark.parametrize("name", ["", ".", "..", "x", "../x", "/etc/passwd", "a" * 5000, "\0"])
def test_other_names_are_not_found(downloads, name):
    assert downloads.find(name) is None


def test_old_files_go_and_at_the_end_all(downloads):
    name = downloads.save(b"x", "a.txt", "de")
    path = downloads.find(name)
    past = time.time() - 31 * 60
    os.utime(path, (past, past))
    assert downloads.find(name) is None
    downloads.save(b"y", "b.txt", "de")
    assert not path.exists() and path.parent.exists()
    downloads.close()
    assert not path.parent.exists()
