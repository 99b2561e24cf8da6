"""Keys of cells, and which cells a pattern chooses."""

import pytest

from crosslate.errors import UsageError
from crosslate.studies.cells import Cell, matching
from toy_study import titles


def cell(title="a", kind="child", **changes) -> Cell:
    return Cell(kind, title, {"size": 1} | changes.pop("spec", {}), **changes)


def test_the_key_holds_what_determines_the_result_and_nothing_else():
    one = cell()
    assert one.key == cell(title="renamed", labels={"seed": 1}, operations=9.0).key
    assert one.key != cell(spec={"size": 2}).key
    assert one.key != cell(kind="parent").key
    assert one.key != cell(needs={"parent": "0" * 64}).key
    made = cell("de-en src+xattn, 250 pairs")
    assert made.slug == f"de-en-src+xattn-250-pairs-{made.key[:12]}"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, ["parent fr-en", "de-en src", "cs-en src", "lexicon of de-en src"]),
        ("de-en src", ["parent fr-en", "de-en src"]),
        ("en src", ["parent fr-en", "de-en src", "cs-en src", "lexicon of de-en src"]),
        ("cs-en", ["parent fr-en", "cs-en src"]),
        ("*de-en*", ["parent fr-en", "de-en src", "lexicon of de-en src"]),
        ("parent", ["parent fr-en"]),
        (" cs-en src , parent,", ["parent fr-en", "cs-en src"]),
    ],
)
def test_only_takes_what_matches_and_what_that_needs(pattern, expected):
    parent = cell("parent fr-en", "parent")
    german = cell("de-en src", spec={"size": 2}, needs={"parent": parent.key})
    czech = cell("cs-en src", spec={"size": 3}, needs={"parent": parent.key})
    lexicon = cell("lexicon of de-en src", "lexicon", needs={"child": german.key})
    assert titles(matching([parent, german, czech, lexicon], pattern)) == expected


TITLES = [
    "de-en src", "de-en src, 250 pairs", "de-en src, 500 pairs", "cs-en src, 250 pairs", "250 pairs of texts",
    "de-en src+xattn[layers=0]", "de-en src+xattnl", "what?", "whats",
]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("de-en src, 250", TITLES[1:2]),
        ("*-en src, 250 pairs", [TITLES[1], TITLES[3]]),
        ("de-en src, 250 pairs,cs-en src, 250 pairs", [TITLES[1], TITLES[3]]),
        ("de-en src, 500 pairs, what?, de-en src+xattn[*]", [TITLES[2], TITLES[5], TITLES[7]]),
        ("*xattn[layers=0]", TITLES[5:6]),
        ("what?*", TITLES[7:8]),
    ],
)
def test_only_the_star_is_special_and_commas_of_titles_split_nothing(pattern, expected):
    cells = [cell(title, spec={"size": number}) for number, title in enumerate(TITLES)]
    assert titles(matching(cells, pattern)) == expected


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [("lexicon", ["lexicon"]), ("lexicon*", ["lexicon", "lexicon of languages", "compare"])],
)
def test_the_name_of_a_kind_takes_that_kind_alone(pattern, kinds):
    cells = [
        cell(f"lexicon of {number}", kind, spec={"size": number})
        for number, kind in enumerate(("lexicon", "lexicon of languages", "compare"))
    ]
    assert [each.kind for each in matching(cells, pattern)] == kinds


@pytest.mark.parametrize("pattern", ["fr-it", "de-en src, fr-it"])
def test_a_pattern_without_a_match_says_what_there_is(pattern):
    with pytest.raises(
        UsageError, match="no cell matches 'fr-it'; the study has 1 cells, starting with: de-en src"
    ):
        matching([cell("de-en src")], pattern)
