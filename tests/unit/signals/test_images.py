"""Images opened by Pillow."""

import sys

import pytest

from crosslate.errors import InputError, MissingExtra
from crosslate.signals.images import read_image


def test_pillow_is_named_if_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match=r"'crosslate\[images\]'"):
        read_image(tmp_path / "a.png")


def test_an_image_is_upright_and_in_colour(tmp_path):
    image = pytest.importorskip("PIL.Image")
    turned = image.new("L", (4, 2), 7)
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    turned.save(tmp_path / "a.jpg", exif=exif)
    found = read_image(tmp_path / "a.jpg")
    assert (found.mode, found.size) == ("RGB", (2, 4))


def test_a_file_that_is_no_image_is_named(tmp_path):
    pytest.importorskip("PIL.Image")
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(InputError, match=r"a.png: is no image that Pillow reads"):
        read_image(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"b.png: no such file; expected an image"):
        read_image(tmp_path / "b.png")
