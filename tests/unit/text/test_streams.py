"""Lines of text: what ends a line, what is refused, and where the fault is said to be."""

import bz2
import gzip
import io
import lzma
import tracemalloc

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosslate.errors import CorpusError
from crosslate.text.streams import read_lines

COMPRESSORS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.fixture
def lines_of(tmp_path):
    def read(data: bytes, name: str = "text.de") -> list[str]:
        path = tmp_path / name
        path.write_bytes(data)
        return list(read_lines(path))

    return read


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []), (b"\n", [""]), (b"\n\n", ["", ""]), (b"a", ["a"]), (b"a\n", ["a"]), (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]), (b"a\r\n\r\nb", ["a", "", "b"]), (b"a\r\r\nb\r", ["a\r", "b\r"]), (b"one\rline\n", ["one\rline"]),
        (b"\xef\xbb\xbfa\nb\n", ["a", "b"]), (b"\xef\xbb\xbf", []), (b"\xef\xbb\xbf\n", [""]), (b"a\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("x\u2028y\u2029z\x85w\x0bv\x0cu\x1ct\n".encode(), ["x\u2028y\u2029z\x85w\x0bv\x0cu\x1ct"]),
        (b" \t\n", [" \t"]), ("😀 é e\u0301 \u200b\n".encode(), ["😀 é e\u0301 \u200b"]),
    ],
)  # fmt: skip
def test_only_a_line_feed_ends_a_line(lines_of, data, expected):
    assert lines_of(data) == expected


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_compressed_files_are_read_by_their_ending(lines_of, ending):
    compress = COMPRESSORS[ending]
    assert lines_of(compress(b""), f"empty{ending}") == []
    parts = compress(b"eins\nz") + compress("wei\r\n\u2028drei".encode())
    assert (
        lines_of(parts, f"text{ending}")
        == lines_of(parts, f"text{ending.upper()}")
        == ["eins", "zwei", "\u2028drei"]
    )
    whole = compress(b"".join(b"line %d of the text\n" % (number**3) for number in range(5_000)))
    for kept in (0, 0.99):
        with pytest.raises(
            CorpusError, match=rf"cut{ending}: the compressed file ends too early; it was cut off"
        ):
            lines_of(whole[: int(len(whole) * kept)], f"cut{ending}")
    with pytest.raises(CorpusError, match=rf"plain{ending}: not a whole {ending} file"):
        lines_of(b"plain text, and enough of it to be read as a header\n", f"plain{ending}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xffabc\n", "line 1: byte 0xff at offset 0 of"),
        (b"ab\ncd\xe4f\n", "line 2: byte 0xe4 at offset 5 of"),
        (b"ab\r\ncd\xe4f\n", "line 2: byte 0xe4 at offset 6 of"),
        ("äö\n".encode() + b"x\xed\xa0\x80\n", "line 2: byte 0xed at offset 6 of"),  # half a surrogate pair
        (b"ok\n\xc3", "line 2: byte 0xc3 at offset 3 of"),  # a character cut off by the end of the file
        (b"\xef\xbb\xbfok\n\xc0\xaf\n", "line 2: byte 0xc0 at offset 6 of"),  # an overlong form
        (b"x" * 3_000_000 + b"\n\ny\xff\n", "line 3: byte 0xff at offset 3000003 of"),
        (b"ab\nc\0d\n", "line 2: has a NUL byte at offset 4 of"),
        ("text".encode("utf-16"), "is not UTF-8; it looks like UTF-16"),
        (gzip.compress(b"text", mtime=0), r"its name must end in \.gz"),
        (zstandard.ZstdCompressor().compress(b"text"), r"its name must end in \.zst"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused_with_its_place(lines_of, data, message):
    with pytest.raises(CorpusError, match=message):
        lines_of(data)


def test_a_byte_order_mark_at_the_start_of_a_block_is_text(lines_of):
    long = "x" * ((1 << 20) - 1)
    assert lines_of(f"{long}\n\ufeffb\n".encode()) == [long, "\ufeffb"]


def test_all_faults_are_reported_together_the_first_in_full(lines_of):
    with pytest.raises(CorpusError) as caught:
        lines_of(b"a\n\xff\0\nb\n" + b"c\0\n" * 10)
    message = str(caught.value)
    assert [number for number in range(1, 7) if f"line {number}:" in message] == [2, 4]
    assert "9 more faults (12 in all)" in message


def test_what_is_no_file_is_refused_by_the_call(tmp_path):
    with pytest.raises(CorpusError, match="no such file"):
        read_lines(tmp_path / "missing")
    with pytest.raises(CorpusError, match="is a folder, expected a file"):
        read_lines(tmp_path)
    with pytest.raises(CorpusError, match=r"nul.byte: (no such file|cannot be read)"):
        read_lines("nul\0byte")


class Pipe(io.BytesIO):
    """Gives so many bytes at a time, over and over; by default a line, as from somebody who types."""

    sizes = ()
    asked = 0

    def read1(self, size=-1):
        self.asked += 1
        return self.read(self.sizes[self.asked % len(self.sizes)]) if self.sizes else self.readline()


def test_standard_input_is_read_as_it_comes(standard_input):
    pipe = standard_input(Pipe(b"a\r\nb\nc"))
    lines = read_lines("-")
    assert next(lines) == "a"
    assert pipe.asked == 1
    assert list(lines) == ["b", "c"]
    standard_input(b"\xff")
    with pytest.raises(CorpusError, match="standard input, line 1: byte 0xff"):
        list(read_lines("-"))


@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=st.text(st.sampled_from("ab\n\r\u2028\x85\x0cäह😀\ufeff"), max_size=30),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(standard_input, text, sizes):
    *lines, last = text.removeprefix("\ufeff").split("\n")
    # Nothing ends the last line, so a carriage return there is text.
    expected = [line.removesuffix("\r") for line in lines] + ([last] if last else [])
    standard_input(Pipe(text.encode())).sizes = sizes
    assert list(read_lines("-")) == expected


def test_reading_needs_memory_for_a_block_not_for_the_file(tmp_path):
    path = tmp_path / "zeros.zst"
    path.write_bytes(zstandard.ZstdCompressor(level=1).compress(b"0123456\n" * 1_000_000))
    tracemalloc.start()
    assert sum(1 for _ in read_lines(path)) == 1_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the file has 8 MB, which are 64 MB as lines
    assert peak < 32_000_000
