import time

import pytest

from crosslate.documents.placement import PlacedMark, place, proportional_links


def written(text, marks, translation, align=None):
    """The translation with its marks as brackets: ``[0`` opens, ``0]`` closes, ``<0>`` is a point or joint."""
    result, done = [], 0
    for offset, index in place(text, marks, translation, align):
        mark = marks[index]
        name = str(index if mark.role != "close" else mark.partner)
        result += [
            translation[done:offset],
            {"open": f"[{name}", "close": f"{name}]"}.get(mark.role, f"<{name}>"),
        ]
        done = offset
    return "".join([*result, translation[done:]])


def element(start, end, index=0):
    return [PlacedMark("open", start, index + 1), PlacedMark("close", end, index)]


class TestLinks:
    def test_equal_words_hold_and_the_rest_is_spread_between(self):
        source, target = ["a", "b", "Berlin", "."], ["x", "Berlin", "y", "z", "."]
        assert proportional_links(source, target) == [(0, 0), (0, 1), (1, 2), (4, 3)]

    def test_words_that_occur_twice_hold_nothing(self):
        assert proportional_links(["a", "a"], ["b", "a", "c", "d"]) == [(0, 0), (1, 0), (2, 1), (3, 1)]

    def test_crossing_words_keep_the_longer_series(self):
        links = proportional_links(["C", "A", "B"], ["A", "B", "C"])
        assert [link for link in links if link[0] < 2] == [(0, 1), (1, 2)]


class TestPlaces:
    TEXT = "The red car"

    def test_an_element_goes_with_its_words(self):
        align = lambda source, target: [(0, 0), (1, 2), (2, 1)]  # noqa: E731
        marks = element(4, 7)
        assert written(self.TEXT, marks, "La voiture rouge", align) == "La voiture [0rouge0]"
        assert written(self.TEXT, marks, "Das rote Auto") == "Das [0rote0] Auto"

    def test_siblings_trade_places(self):
        align = lambda source, target: [(0, 0), (1, 2), (2, 1)]  # noqa: E731
        marks = [*element(4, 7), *element(8, 11, 2)]
        assert written(self.TEXT, marks, "La voiture rouge", align) == "La [2voiture2] [0rouge0]"

    def test_siblings_that_would_overlap_keep_their_order(self):
        align = lambda source, target: [(0, 1), (1, 2), (2, 1)]  # noqa: E731
        marks = [*element(0, 7), *element(8, 11, 2)]
        assert written(self.TEXT, marks, "x y z", align) == "[0x y z0][22]"

    def test_joints_never_trade_places(self):
        align = lambda source, target: [(0, 2), (1, 1), (2, 0)]  # noqa: E731
        joints = [
            PlacedMark("joint", 3, has_space_before=True),
            PlacedMark("joint", 7, has_space_before=True),
        ]
        assert written(self.TEXT, joints, "c b a", align) == "c <0><1>b a"

    def test_a_short_run_keeps_its_words(self):
        runs = [PlacedMark("run", 3, has_space_before=True), PlacedMark("run", 7, has_space_before=True)]
        links = [(0, 0), (1, 2), (2, 1)]
        assert written(self.TEXT, runs, "La voiture rouge", lambda *_: links) == "La voiture <0>rouge<1>"
        links = [(0, 1), (1, 0), (2, 2)]
        assert written(self.TEXT, runs, "Rouge la voiture", lambda *_: links) == "<0>Rouge <1>la voiture"
        assert written("Hello you", [PlacedMark("run", 3)], "HELLO du") == "HEL<0>LO du"

    def test_inner_elements_stay_inside(self):
        align = lambda source, target: [(0, 0), (1, 2), (2, 1)]  # noqa: E731
        marks = [
            PlacedMark("open", 4, 3),
            PlacedMark("open", 8, 2),
            PlacedMark("close", 11, 1),
            PlacedMark("close", 11, 0),
        ]
        assert written(self.TEXT, marks, "La voiture rouge", align) == "La [0[1voiture1] rouge0]"

    def test_marks_that_cross_keep_their_order(self):
        marks = [PlacedMark("open", 4), PlacedMark("close", 11)]
        places = place(self.TEXT, marks, "Das rote Auto")
        assert [index for _, index in places] == [0, 1]

    @pytest.mark.parametrize("links", [[], [(99, 0), (0, 99), (-1, -1)], [(0, 0)] * 5])
    def test_links_that_say_nothing_do_no_harm(self, links):
        marks = [*element(4, 7), PlacedMark("point", 11)]
        result = written(self.TEXT, marks, "Das rote Auto", lambda source, target: links)
        assert sorted(part for part in ("[0", "0]", "<2>") if result.count(part) == 1) == ["0]", "<2>", "[0"]

    def test_deep_nesting_and_long_sentences_take_linear_time(self):
        depth = 5000
        marks = [PlacedMark("open", 0, 2 * depth - 1 - index) for index in range(depth)]
        marks += [PlacedMark("close", 3, depth - 1 - index) for index in range(depth)]
        text = "red " * 20_000
        start = time.process_time()
        assert len(place(text, marks, text.upper())) == 2 * depth
        assert time.process_time() - start < 10


def test_an_element_whose_words_are_not_linked_goes_by_proportion():
    assert (
        written("The red car", element(4, 7), "Das rote Auto", lambda source, target: [(0, 0), (2, 2)])
        == "Das [0rote0] Auto"
    )
