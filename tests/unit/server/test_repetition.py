import pytest

from crosslate.server.repetition import runs_in_circles


@pytest.mark.parametrize(
    "text",
    [
        "the dog the dog the dog the dog the dog",
        "We went home. and then and then and then and then and then he left",
        "salad " * 6,
        "哈哈笑了" * 6,
        "aaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_circles(text):
    assert runs_in_circles(text)


@pytest.mark.parametrize(
    "text",
    ["", "no, no, no, no", "The dog sees the cat and the cat sees the dog and the house.", "ha ha ha ha", "........",
     "one two three one two three one two three"],
)  # fmt: skip
def test_ordinary_text(text):
    assert not runs_in_circles(text)
