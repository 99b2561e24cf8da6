import pytest

from crosslate.errors import InputError
from crosslate.text.protobuf import field, fields, message


def test_the_bytes_of_the_format():
    # Key 8 | type 0 and 150 in two bytes of seven bits, as in the format's own documentation.
    assert field(1, 150) == bytes([0x08, 0x96, 0x01])
    assert field(2, "testing") == b"\x12\x07testing"
    assert field(1, 1.0) == b"\x0d\x00\x00\x80\x3f"


def test_what_was_written_is_read():
    inner = message((1, "ä"), (3, 300))
    found = [(number, value) for number, value, _ in fields(message((7, inner), (2, 0)))]
    assert found == [(7, inner), (2, 0)]
    assert [value for _, value, _ in fields(inner)] == ["ä".encode(), 300]


def test_a_group_is_no_known_type():
    with pytest.raises(InputError, match="unknown type at byte 0"):
        list(fields(b"\x0b"))
