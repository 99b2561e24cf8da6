import pytest

from crosslate.errors import UsageError
from crosslate.server.settings import Limits, ServerSettings, parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1048576", 1048576),
        ("800MB", 800_000_000),
        ("2G", 2_000_000_000),
        ("1.5 kb", 1500),
        ("3GiB", 3 << 30),
    ],
)
def test_sizes(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "5 apples"])
def test_no_sizes(text):
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_every_fault_is_told_at_once():
    with pytest.raises(UsageError) as refused:
        Limits(characters=-2, body_bytes=0)
    assert "characters is -2" in str(refused.value) and "body_bytes is 0" in str(refused.value)
    with pytest.raises(UsageError) as refused:
        ServerSettings("x", port=70000, require_key=True, url_prefix="mt/")
    for part in ("port is 70000", "no file of keys", "prefix is 'mt/'"):
        assert part in str(refused.value)
