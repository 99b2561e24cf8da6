"""Which words are forms of one word."""

import pytest

from crosslate.languages.word_forms import are_forms

FORMS = [
    ("Vertrag", "Vertrages"), ("Hund", "Hunde"), ("red", "red"), ("собака", "собаками"), ("talo", "talo"),
    ("ταξίδι", "ταξίδια"), ("लड़का", "लड़के"),
]  # fmt: skip
OTHERS = [
    ("Haus", "Häuser"), ("red", "reds"), ("hound", "house"), ("house", "mouse"), ("Hund", "Hundehütte"),
    ("20191", "20192"), ("well-known", "well-kept"), ("Vertrag", "Vertreter"), ("", "a"), ("犬", "犬小屋"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "expected"), [(*pair, True) for pair in FORMS] + [(*pair, False) for pair in OTHERS]
)
def test_forms(one, other, expected):
    assert are_forms(one, other) is are_forms(other, one) is expected
