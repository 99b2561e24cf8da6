"""What pictures are made of: escaping, round ticks, labels that keep their distance."""

import pytest

from crosslate.studies.page.svg import Frame, drawing, element, spread, text_width, ticks


def test_elements_escape_text_and_attributes():
    inner = element("tspan", "a<b")
    assert element("text", inner, "&", x=1.25, class_="word", text_anchor="end", fill=None, id='"') == (
        '<text x="1.2" class="word" text-anchor="end" id="&#34;"><tspan>a&lt;b</tspan>&amp;</text>'
    )


def test_a_drawing_is_named_for_those_who_do_not_see_it():
    assert drawing("map-1", 360.0, 250.5, "A title", "What it shows.") == (
        '<svg viewBox="0 0 360 250.5" width="360" height="250.5" role="img" aria-labelledby="map-1-title" '
        'aria-describedby="map-1-description"><title id="map-1-title">A title</title>'
        '<desc id="map-1-description">What it shows.</desc></svg>'
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 43.0, [0, 10, 20, 30, 40, 50]),
        (0.0, 12.0, [0, 5, 10, 15]),
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-4.2, 0.0, [-5, -4, -3, -2, -1, 0]),
        (0.0, 1561.7, [0, 500, 1000, 1500, 2000]),
        (0.0, 0.0, [0, 0.2]),
    ],
)
def test_ticks_are_round_and_hold_all_values(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([10.0, 50.0], [10, 50]),
        ([50.0, 50.0, 50.0], [50, 60, 70]),
        ([99.0, 98.0], [100, 90]),
        ([0.0, 1.0, 2.0], [0, 10, 20]),
        ([50.0] * 12, [10 * rank for rank in range(12)]),
        ([], []),
    ],
)
def test_labels_keep_their_distance_and_order(positions, expected):
    assert spread(positions, 10, 0, 100) == pytest.approx(expected)


def test_a_frame_places_values():
    frame = Frame(10, 20, 110, 220, (0, 10), (-1, 1))
    assert frame.at(0, -1) == (10, 220)
    assert frame.at(10, 1) == (110, 20)
    assert frame.at(5, 0) == (60, 120)


def test_wide_scripts_take_twice_the_room():
    assert text_width("日本") == 2 * text_width("ab")
