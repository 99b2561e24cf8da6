"""Marian's files: what is written is read again, bytes are where Marian looks for them, damage is named."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from crosslate.errors import ParentError
from crosslate.models.marian_files import CONFIGURATION, MarianModel

OPTIONS = {"type": "transformer", "dim-emb": 4, "dim-vocabs": [5, 5], "transformer-preprocess": ""}


@pytest.fixture
def model():
    generator = np.random.default_rng(1)
    shapes = {"Wemb": (5, 4), "encoder_l1_ffn_W1": (4, 6), "encoder_l1_ffn_b1": (1, 6), "zero_W": (2, 3)}
    tensors = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    tensors["zero_W"][:] = 0
    return MarianModel(tensors, OPTIONS)


def assert_same(found, wanted):
    assert found.configuration == wanted.configuration
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, array in found.tensors.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, wanted.tensors[name], err_msg=name)


@pytest.mark.parametrize("ending", ["npz", "bin"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_what_is_written_is_read(model, tmp_path, ending, is_compressed):
    path = tmp_path / f"model.{ending}"
    getattr(model, f"write_{ending}")(path)
    if is_compressed:
        path = path.rename(tmp_path / "model.other")
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert_same(MarianModel.read(path), model)


def test_eight_bits_are_near_and_stay_as_they_are(model, tmp_path):
    names = {"Wemb", "encoder_l1_ffn_W1", "zero_W"}
    model.write_bin(tmp_path / "first.bin", names)
    first = MarianModel.read(tmp_path / "first.bin")
    for name, array in model.tensors.items():
        step = np.abs(array).max() / 127 if name in names else 0
        assert np.abs(first.tensors[name] - array).max() <= step / 2 * 1.001
    assert np.abs(first.tensors["Wemb"] - model.tensors["Wemb"]).max() > 0
    first.write_bin(tmp_path / "second.bin", names)
    assert (tmp_path / "second.bin").read_bytes() == (tmp_path / "first.bin").read_bytes()


def test_bytes_lie_where_marian_looks_for_them(tmp_path):
    matrix = np.array([[1.27, -0.5, 0.0], [0.25, 0.01, -1.0]], np.float32)
    model = MarianModel({"b": np.ones((1, 2), np.float32), "W": matrix, "Wemb": matrix}, {"type": "x"})
    model.write_bin(tmp_path / "model.bin", {"W", "Wemb"})
    content = (tmp_path / "model.bin").read_bytes()
    assert struct.unpack_from("<QQ", content) == (1, 4)
    headers = [struct.unpack_from("<QQQQ", content, 16 + 32 * number) for number in range(4)]
    assert headers == [(2, 0x4101, 2, 256), (5, 0x4101, 2, 256), (2, 0x404, 2, 256), (18, 0x101, 1, 9)]
    at = 16 + 4 * 32
    assert content[at : at + 27] == b"W\0Wemb\0b\0special:model.yml\0"
    assert struct.unpack_from("<7iQ", content, at + 27) == (2, 3, 2, 3, 1, 2, 9, 256 - (at + 27 + 28 + 8))
    assert np.frombuffer(content, np.int8, 6, 256).tolist() == [127, 25, -50, 1, 0, -100]  # transposed
    assert np.frombuffer(content, "<f4", 1, 256 + 6) == pytest.approx(100)
    assert np.frombuffer(content, np.int8, 6, 512).tolist() == [127, -50, 0, 25, 1, -100]  # as it is
    assert content[768:776] == struct.pack("<ff", 1, 1)
    assert content[1024:] == b"type: x\n\0"


def test_scales_of_activations_are_left_out(model, tmp_path):
    model.tensors["encoder_l1_ffn_W1_QuantMultA"] = np.ones((1, 1), np.float32)
    model.write_bin(tmp_path / "model.bin")
    del model.tensors["encoder_l1_ffn_W1_QuantMultA"]
    assert_same(MarianModel.read(tmp_path / "model.bin"), model)


def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(model, tmp_path):
    model.write_bin(tmp_path / "whole.bin", {"Wemb"})
    content = (tmp_path / "whole.bin").read_bytes()
    for length in [*range(0, 700, 7), len(content) - 300, len(content) - 200]:
        (tmp_path / "cut.bin").write_bytes(content[:length])
        with pytest.raises(ParentError, match=r"cut\.bin as a model of Marian"):
            MarianModel.read(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    ("at", "number", "message"),
    [
        (0, 2, r"neither \.npz nor \.bin"),
        (8, 1 << 60, r"expected 36,893,488,147,419,103,232 more after byte 16"),
        (16, 1 << 61, r"expected 2,305,843,009,213,693,952 more"),
        (24, 0x1404, r"Wemb is of Marian's type 0x1404"),
        (32, 1 << 62, r"more after byte"),
        (40, 1 << 50, r"expected 1,125,899,906,842,624 more"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anything_is_allocated(
    model, tmp_path, at, number, message
):
    model.write_bin(tmp_path / "model.bin")
    content = bytearray((tmp_path / "model.bin").read_bytes())
    struct.pack_into("<Q", content, at, number)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ParentError, match=message):
        MarianModel.read(tmp_path / "model.bin")


def test_a_shape_beyond_its_data_is_refused(model, tmp_path):
    model.write_bin(tmp_path / "model.bin")
    content = (tmp_path / "model.bin").read_bytes()
    assert content.count(struct.pack("<ii", 5, 4)) == 1
    for shape in [(5, 1 << 20), (-5, 4), (-5, -4)]:
        (tmp_path / "other.bin").write_bytes(
            content.replace(struct.pack("<ii", 5, 4), struct.pack("<ii", *shape))
        )
        with pytest.raises(ParentError, match=r"Wemb has 256 bytes for the shape"):
            MarianModel.read(tmp_path / "other.bin")


def npz(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_an_array_larger_than_its_bytes_is_refused(tmp_path):
    content = npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3)", b"(9, 9)")
    with pytest.raises(ParentError, match=r"a has 24 bytes for 81 numbers of float32"):
        MarianModel.read(npz(tmp_path / "model.npz", {"a.npy": content}))


def test_an_archive_that_unpacks_beyond_measure_is_refused(tmp_path):
    members = {"a.npy": npy(np.zeros((1 << 20, 4), np.float32))}
    with pytest.raises(ParentError, match=r"unpack to 16,777,344"):
        MarianModel.read(npz(tmp_path / "model.npz", members, zipfile.ZIP_DEFLATED))
    (tmp_path / "model.bin.gz").write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(ParentError, match=r"unpack to more than 1,048,576"):
        MarianModel.read(tmp_path / "model.bin.gz")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.npy": npy(np.array([{}], object), allow_pickle=True)}, r"bytes for 1 numbers of object"),
        ({"a.npy": npy(np.zeros((1, 2), np.int32))}, r"a is of type int32"),
        ({"a.npy": b"none"}, r"damaged"),
        ({f"{CONFIGURATION}.npy": npy(np.frombuffer(b"- a\n- b\0", np.int8))}, r"holds list"),
        ({f"{CONFIGURATION}.npy": npy(np.frombuffer(b"a: [\0", np.int8))}, r"model\.yml is damaged"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, members, message):
    with pytest.raises(ParentError, match=message):
        MarianModel.read(npz(tmp_path / "model.npz", members))


def test_damaged_archives_and_missing_files_are_named(model, tmp_path):
    model.write_npz(tmp_path / "model.npz")
    content = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "model.npz").write_bytes(content[:-50])
    with pytest.raises(ParentError, match=r"the \.npz is damaged"):
        MarianModel.read(tmp_path / "model.npz")
    (tmp_path / "model.bin.gz").write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(ParentError, match=r"cannot read .*model\.bin\.gz"):
        MarianModel.read(tmp_path / "model.bin.gz")
    with pytest.raises(ParentError, match="No such file"):
        MarianModel.read(tmp_path / "none.npz")
