"""Whatever text a vocabulary learnt, in whatever script: its ids say the same text, white space joined."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from crosslate.languages.characters import WHITE_SPACE
from crosslate.text.vocabulary_training import train_vocabulary

# Beginnings of the blocks of some forty scripts, and of signs; the characters after each are taken, too.
STARTS = [
    0x20, 0xA0, 0x100, 0x250, 0x2B0, 0x300, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700, 0x780, 0x7C0, 0x900, 0x980, 0xA00, 0xA80,
    0xB00, 0xB80, 0xC00, 0xC80, 0xD00, 0xD80, 0xE00, 0xE80, 0xF00, 0x1000, 0x10A0, 0x1100, 0x1200, 0x13A0, 0x1400, 0x16A0,
    0x1780, 0x1800, 0x1E00, 0x1F00, 0x2000, 0x2070, 0x2100, 0x2150, 0x2460, 0x2600, 0x2C80, 0x2D30, 0x3000, 0x3040, 0x30A0,
    0x3130, 0x4E00, 0x9F00, 0xA000, 0xA980, 0xAC00, 0xF900, 0xFB00, 0xFB50, 0xFE00, 0xFF00, 0x10330, 0x12000, 0x1D400, 0x1F300,
    0x1F900, 0x20000, 0xE0100,
]  # fmt: skip
CHARACTERS = [
    character
    for start in STARTS
    for character in map(chr, range(start, start + 96))
    if unicodedata.category(character) not in ("Cn", "Cc", "Cs")
]
SPELLINGS = [
    "</s>",
    "<unk>",
    "<pad>",
    "<0x41>",
    "eng_Latn",
    "\u200c",
    "\u200d",
    "ำ",
    "  ",
    "e\u0301",
    "⁇",
    "ﷺ",
    "\u3000",
]

texts = st.text(st.sampled_from(CHARACTERS), max_size=40)
lines = st.lists(
    st.lists(st.sampled_from(SPELLINGS) | texts, max_size=4).map("".join), min_size=1, max_size=12
)


def joined(text: str) -> str:
    """What is documented of white space."""
    spaced = text.translate(dict.fromkeys(map(ord, WHITE_SPACE), " "))
    return " ".join(filter(None, spaced.split(" ")))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(lines)
def test_text_that_was_learnt_comes_back(learnt):
    learnt = [f"x {line} x" for line in learnt]  # so that no line begins or ends with a space of any kind
    vocabulary = train_vocabulary(learnt, control=["eng_Latn"])
    for line, ids in zip(learnt, vocabulary.encode_batch(learnt)):
        assert ids == vocabulary.encode(line)
        assert vocabulary.decode(ids) == joined(line)
        assert not vocabulary.silent.intersection(ids[:-1]) and vocabulary.special.unk not in ids
