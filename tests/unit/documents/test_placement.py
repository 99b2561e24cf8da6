import pytest

from crosslate.documents.placement import PlacedMark, place, proportional_links


def written(text, marks, translation, links=None):
    """The translation with its marks as brackets: ``[0`` opens, ``0]`` closes, ``<0>`` is a point or joint."""
    result, done = "", 0
    for offset, index in place(text, marks, translation, None if links is None else lambda *_: links):
        mark = marks[index]
        name = {"open": f"[{index}", "close": f"{mark.partner}]"}.get(mark.role, f"<{index}>")
        result += translation[done:offset] + name
        done = offset
    return result + translation[done:]


def element(start, end, index=0):
    return [PlacedMark("open", start, index + 1), PlacedMark("close", end, index)]


def joints(role):
    return [PlacedMark(role, 3, has_space_before=True), PlacedMark(role, 7, has_space_before=True)]


class TestLinks:
    def test_equal_words_hold_and_the_rest_is_spread_between(self):
        source, target = ["a", "b", "Berlin", "."], ["x", "Berlin", "y", "z", "."]
        assert proportional_links(source, target) == [(0, 0), (0, 1), (1, 2), (4, 3)]

    def test_words_that_occur_twice_hold_nothing(self):
        assert proportional_links(["a", "a"], ["b", "a", "c", "d"]) == [(0, 0), (1, 0), (2, 1), (3, 1)]

    def test_crossing_words_keep_the_longer_series(self):
        links = proportional_links(["C", "A", "B"], ["A", "B", "C"])
        assert [link for link in links if link[0] < 2] == [(0, 1), (1, 2)]


SWAPPED = [(0, 0), (1, 2), (2, 1)]
INNER = [
    PlacedMark("open", 4, 3), PlacedMark("open", 8, 2), PlacedMark("close", 11, 1), PlacedMark("close", 11, 0)
]  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "translation", "links", "expected"),
    [
        # An element goes with its words, by proportion where they have no links.
        (element(4, 7), "La voiture rouge", SWAPPED, "La voiture [0rouge0]"),
        (element(4, 7), "Das rote Auto", None, "Das [0rote0] Auto"),
        (element(4, 7), "Das rote Auto", [(0, 0), (2, 2)], "Das [0rote0] Auto"),
        # Siblings trade places unless they would overlap; inner elements stay inside.
        ([*element(4, 7), *element(8, 11, 2)], "La voiture rouge", SWAPPED, "La [2voiture2] [0rouge0]"),
        ([*element(0, 7), *element(8, 11, 2)], "x y z", [(0, 1), (1, 2), (2, 1)], "[0x y z0][22]"),
        (INNER, "La voiture rouge", SWAPPED, "La [0[1voiture1] rouge0]"),
        # Joints never trade places; a short run keeps its words.
        (joints("joint"), "c b a", [(0, 2), (1, 1), (2, 0)], "c <0><1>b a"),
        (joints("run"), "La voiture rouge", SWAPPED, "La voiture <0>rouge<1>"),
        (joints("run"), "Rouge la voiture", [(0, 1), (1, 0), (2, 2)], "<0>Rouge <1>la voiture"),
        # Marks that cross keep their order.
        ([PlacedMark("open", 4), PlacedMark("close", 11)], "Das rote Auto", None, "Das [0rote AutoNone]"),
    ],
)
def test_places_in_the_red_car(marks, translation, links, expected):
    assert written("The red car", marks, translation, links) == expected


def test_a_joint_inside_a_word_that_stays():
    assert written("Hello you", [PlacedMark("run", 3)], "HELLO du") == "HEL<0>LO du"


@pytest.mark.parametrize("links", [[], [(99, 0), (0, 99), (-1, -1)], [(0, 0)] * 5])
def test_links_that_say_nothing_do_no_harm(links):
    result = written("The red car", [*element(4, 7), PlacedMark("point", 11)], "Das rote Auto", links)
    assert all(result.count(each) == 1 for each in ("[0", "0]", "<2>"))


def test_deep_nesting_and_long_sentences():
    """Quadratic time would take minutes."""
    depth = 5000
    marks = [PlacedMark("open", 0, 2 * depth - 1 - index) for index in range(depth)]
    marks += [PlacedMark("close", 3, depth - 1 - index) for index in range(depth)]
    text = "red " * 20_000
    assert len(place(text, marks, text.upper())) == 2 * depth
