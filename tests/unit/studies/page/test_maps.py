"""Lexicon maps and attention maps."""

from xml.etree import ElementTree

import pytest

import toy_report
from crosslate.studies.page.maps import attention_map, lexicon_map


def of_class(picture: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in picture.iter() if each.get("class", "").split()[:1] == [name]]


@pytest.fixture(scope="module")
def lexicon():
    return ElementTree.fromstring(lexicon_map("map-1", toy_report.lexicon_map()))


@pytest.fixture(scope="module")
def attention():
    return ElementTree.fromstring(attention_map("attention-1", toy_report.attention_map()))


def test_each_word_is_joined_to_its_translation(lexicon):
    # The third point has no place and is left out.
    words, translations, joins = (of_class(lexicon, name) for name in ("child", "parent", "join"))
    assert len(words) == len(translations) == len(joins) == 2
    for word, translation, join in zip(words, translations, joins):
        assert (join.get("x1"), join.get("y1")) == (word.get("cx"), word.get("cy"))
        assert float(join.get("x2")) == pytest.approx(float(translation.get("x")) + 3, abs=0.11)
    assert [each.find("title").text for each in lexicon.iter("g")] == [
        "Hund – chien",
        f"Katze – {toy_report.NASTY}",
    ]


def test_both_axes_have_one_scale(lexicon):
    hund, katze = of_class(lexicon, "child")
    across = float(katze.get("cx")) - float(hund.get("cx"))
    down = float(katze.get("cy")) - float(hund.get("cy"))
    # From (0, 0) to (2, -1): twice as far to the right as down; coordinates have one decimal.
    assert across == pytest.approx(2 * down, abs=0.3)


def test_the_description_tells_how_far_words_are(lexicon):
    assert lexicon.find("desc").text.startswith(
        "2 de words (dots) joined to their fr translations (squares)."
    )


def test_labels_never_overlap():
    points = [
        {"word": f"word{n}", "translation": f"mot{n}", "x": n % 4, "y": n // 4, "translation_x": n % 4 + 0.1,
         "translation_y": n // 4}
        for n in range(40)
    ]  # fmt: skip
    found = {"title": "crowded", "languages": "de-fr", "points": points}
    picture = ElementTree.fromstring(lexicon_map("map-1", found))
    placed = [
        (float(each.get("x")), float(each.get("y")), len(each.text)) for each in of_class(picture, "word")
    ]
    assert 10 < len(placed) < 80
    for index, (x, y, length) in enumerate(placed):
        for other_x, other_y, other_length in placed[index + 1 :]:
            apart = x + 6 * length <= other_x or other_x + 6 * other_length <= x
            assert apart or abs(y - other_y) >= 11


def test_no_map_without_points():
    assert lexicon_map("map-1", {"title": "", "languages": "de-fr", "points": []}) is None


def test_weights_are_colours_by_target_and_source(attention):
    cells = of_class(attention, "heat")[:6]
    assert [each.find("title").text for each in cells[:4]] == [
        "▁A – ▁Ein: 0.75", "▁A – ▁Hund: 0.25", "▁dog – ▁Ein: 0.10", "▁dog – ▁Hund: 0.90",
    ]  # fmt: skip
    # The largest weight, 0.9, has the full colour.
    assert [each.get("style") for each in cells] == [
        f"fill-opacity:{share}" for share in ("0.83", "0.28", "0.11", "1.00", "0.56", "0.56")
    ]
    assert (cells[0].get("x"), cells[2].get("x")) == (cells[2].get("x"), cells[4].get("x"))
    assert float(cells[1].get("x")) - float(cells[0].get("x")) == 19
    assert float(cells[2].get("y")) - float(cells[0].get("y")) == 19
    assert "0.90" in [each.text for each in of_class(attention, "tick")]


def test_alignments_are_outlined(attention):
    cells, outlines = of_class(attention, "heat"), of_class(attention, "outline")
    for outline, cell in zip(outlines, (cells[0], cells[3]), strict=True):
        assert float(outline.get("x")) == pytest.approx(float(cell.get("x")) + 0.5, abs=0.11)
        assert float(outline.get("y")) == pytest.approx(float(cell.get("y")) + 0.5, abs=0.11)


def test_attention_is_told_in_words(attention):
    assert attention.find("title").text == "de-en src+xattn: layer 3, head 4"
    assert "▁A to ▁Ein (0.75); ▁dog to ▁Hund (0.90)" in attention.find("desc").text
    mean = ElementTree.fromstring(attention_map("attention-1", toy_report.attention_map(None)))
    assert mean.find("title").text == "de-en src+xattn: layer 3, mean of all heads"


def test_no_attention_map_without_pieces_and_no_fault_without_weights():
    assert attention_map("a", toy_report.attention_map() | {"source": []}) is None
    nothing = toy_report.attention_map() | {"weights": [[float("nan"), 0.0]] * 3, "alignment": []}
    picture = ElementTree.fromstring(attention_map("a", nothing))
    assert {each.get("style") for each in of_class(picture, "heat")[:6]} == {"fill-opacity:0.00"}
