import pytest

from crosslate.errors import SettingsError
from crosslate.server.settings import Limits, ServerSettings


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("1048576", 1048576), ("800MB", 800_000_000), ("2G", 2_000_000_000), ("1.5 kb", 1500), ("3GiB", 3 << 30),
        (1000, 1000),
    ],
)  # fmt: skip
def test_sizes(size, expected):
    assert Limits(body_bytes=size).body_bytes == expected


@pytest.mark.parametrize("size", ["", "much", "-1", "1e9", "5 apples"])
def test_no_sizes(size):
    with pytest.raises(SettingsError, match="is no size"):
        Limits(body_bytes=size)


def test_every_fault_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        Limits(characters=-2, body_bytes=0)
    assert "characters is -2" in str(refused.value) and "body_bytes is 0" in str(refused.value)
    with pytest.raises(SettingsError) as refused:
        ServerSettings(require_key=True, url_prefix="mt/")
    for part in ("no file of keys", "prefix is 'mt'"):
        assert part in str(refused.value)
