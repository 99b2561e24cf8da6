"""Charts: places that the numbers say, labels that do not overlap, words for those who do not see them."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import toy_report
from crosslate.studies.analyses.storage import Storage
from crosslate.studies.analyses.strategies import Strategies
from crosslate.studies.analyses.training import Training
from crosslate.studies.report.charts import element, heat_map, spread, ticks, word_map

DE_EN = "de-en: validation BLEU by epoch"
LOSS = "denoiser denoiser: negative loss in nats per token by epoch"


def drawn(analysis, **report):
    """The charts of an analysis, by caption."""
    (section,) = analysis.figures({"tables": [], "curves": {}} | report)
    return {caption: ElementTree.fromstring(picture) for caption, picture in section.figures if picture}


def of_class(picture, name):
    return [each for each in picture.iter() if each.get("class", "").split()[:1] == [name]]


def labels(picture, kind):
    return [each.text for each in of_class(picture, kind) if each.tag == "text"]


def lines(picture, kind):
    found = [each.get("points") for each in of_class(picture, kind)]
    return [[tuple(map(float, point.split(","))) for point in points.split()] for points in found]


@pytest.fixture(scope="module")
def curves():
    pictures = drawn(Training(), curves=toy_report.curves()).values()
    return {each.find("title").text: each for each in pictures}


def test_learning_curves_have_a_panel_for_each_pair_and_parent(curves):
    assert list(curves) == [
        "parent fr-en: validation BLEU by epoch", DE_EN, "de-en on denoiser: validation BLEU by epoch", LOSS,
        "de-es: validation BLEU by epoch",
    ]  # fmt: skip
    assert labels(curves[DE_EN], "name") == ["epoch", "validation BLEU"]
    assert labels(curves[DE_EN], "tick") == ["0", "10", "20", "30", "40", "0", "1", "2"]
    (loss,) = lines(curves[LOSS], "line")
    assert len(loss) == 2  # what is not a number is left out
    assert drawn(Training(), curves={"de-en src": [[1.0, 1, float("nan")]]}) == {}


def test_a_line_for_each_strategy_is_the_mean_of_its_seeds(curves):
    picture = curves[DE_EN]
    assert labels(picture, "direct") == ["scratch", "src+xattn"]
    (scratch, xattn), (one, other) = lines(picture, "line"), lines(picture, "seed")
    for mean, first, second in zip(scratch, one, other):
        assert mean[1] == pytest.approx((first[1] + second[1]) / 2, abs=0.1)
    assert xattn[-1][1] < scratch[-1][1]  # y grows downwards
    assert picture.find("desc").text == (
        "scratch from 11.0 to 22.0 (mean of 2 runs), at most 24.0; src+xattn from 15.0 to 34.0, at most 34.0."
    )
    uneven = {"de-en src, seed 1": [[1.0, 1, 1.0]], "de-en src, seed 2": [[1.0, 1, 2.0], [2.0, 2, 3.0]]}
    assert len(lines(drawn(Training(), curves=uneven)["de-en"], "line")) == 2


def test_the_same_strategy_has_the_same_colour_in_every_panel(curves):
    styles = {
        each.text: each.get("class").split()[1]
        for picture in curves.values()
        for each in of_class(picture, "direct")
    }
    expected = {"scratch": "series-0", "src+xattn": "series-3", "embed": "series-1"}
    assert {name: styles[name] for name in expected} == expected


def test_sizes_share_a_panel_with_one_strategy_alone(curves):
    shared = curves["de-es: validation BLEU by epoch"]
    assert labels(shared, "direct") == ["scratch, 1000 pairs", "scratch, 5000 pairs"]
    several = {
        f"de-en {strategy}, {size} pairs": [[1.0, 5, 1.0]]
        for size in (250, 500) for strategy in ("src", "src+body")
    }  # fmt: skip
    assert list(drawn(Training(), curves=several)) == ["de-en, 250 pairs", "de-en, 500 pairs"]


def test_updates_stand_for_epochs_that_do_not_grow():
    picture = drawn(Training(), curves={"de-en src": [[1.0, 100, 1.0], [1.0, 200, 2.0]]})["de-en"]
    assert labels(picture, "name") == ["updates", "validation BLEU"]


def test_storage_has_a_point_for_each_row():
    table = toy_report.tables()[3]
    picture = drawn(Storage(), tables=[table])[""]
    packs, models = lines(picture, "line")
    assert len(packs) == len(models) == 3
    assert packs[-1][1] > models[-1][1]  # fewer bytes, lower
    assert labels(picture, "name") == ["number of pairs", "MB"]
    assert labels(picture, "direct") == ["parent + packs", "full models"]
    assert drawn(Storage(), tables=[table | {"rows": [[1, 1.0, 2.0]]}]) == {}


STRATEGIES = {
    "title": "Strategies side by side",
    "rows": [["de-en src", 30.0, "", 1_000_000], ["de-en src+xattn", 35.0, "", 4_000_000],
             ["de-en src+lora[xattn;rank=8]", 33.0, "", 2_000_000], ["fr-es tgt+all", 20.5, "", 9_000_000]],
}  # fmt: skip
SMALLER = {
    "title": "Packs in fewer bytes",
    "rows": [["de-en src+xattn", "int8", 1_000_000, 25.0, 34.0], ["cs-en src+xattn", "int8", 1, 25.0, 34.0]],
}


def test_every_pack_of_a_child_is_at_its_numbers_in_the_colour_of_its_kind():
    pictures = drawn(Strategies(), tables=[STRATEGIES, SMALLER])
    assert list(pictures) == ["de-en", "fr-es"]
    picture = pictures["de-en"]
    dots = {
        each.find("title").text: (float(each.get("cx")), float(each.get("cy")), each.get("class"))
        for each in of_class(picture, "dot")
    }
    assert list(dots) == [
        "src: 30.0 BLEU, 1.00 MB", "src+xattn: 35.0 BLEU, 4.00 MB", "src+lora[xattn;rank=8]: 33.0 BLEU, 2.00 MB",
        "src+xattn in int8: 34.0 BLEU, 1.00 MB",
    ]  # fmt: skip
    source, xattn, lora, smaller = dots.values()
    assert source[0] == smaller[0] < lora[0] < xattn[0]
    assert math.isclose(lora[0] - source[0], xattn[0] - lora[0], abs_tol=0.2)  # both twice as many bytes
    assert math.isclose((source[1] - lora[1]) / (source[1] - xattn[1]), 3 / 5, abs_tol=0.01)
    assert [each[2][-1] for each in dots.values()] == ["3", "3", "1", "2"]
    assert labels(picture, "name") == ["MB of tensors (logarithmic)", "BLEU"]
    rows = sorted(float(each.get("y")) for each in of_class(picture, "direct"))
    assert len(rows) == 4 and min(b - a for a, b in pairwise(rows)) >= 13.9
    assert drawn(Strategies(), tables=[SMALLER]) == {}


def test_each_word_of_a_map_is_joined_to_its_translation():
    lexicon = ElementTree.fromstring(word_map("map-1", toy_report.lexicon_map()))
    # The third point has no place and is left out.
    words, translations, joins = (of_class(lexicon, name) for name in ("child", "parent", "join"))
    assert len(words) == len(translations) == len(joins) == 2
    for word, translation, join in zip(words, translations, joins):
        assert (join.get("x1"), join.get("y1")) == (word.get("cx"), word.get("cy"))
        assert float(join.get("x2")) == pytest.approx(float(translation.get("x")) + 3, abs=0.11)
    said = [each.find("title").text for each in lexicon.iter("g")]
    assert said == ["Hund – chien", f"Katze – {toy_report.NASTY}"]
    described = "2 de words (dots) joined to their fr translations (squares)."
    assert lexicon.find("desc").text.startswith(described)
    # From (0, 0) to (2, -1): twice as far to the right as down; coordinates have one decimal.
    across, down = (float(words[1].get(axis)) - float(words[0].get(axis)) for axis in ("cx", "cy"))
    assert across == pytest.approx(2 * down, abs=0.3)
    assert word_map("map-1", {"title": "", "languages": "de-fr", "points": []}) is None


def test_labels_of_a_map_never_overlap():
    points = [
        {"word": f"word{n}", "translation": f"mot{n}", "x": n % 4, "y": n // 4, "translation_x": n % 4 + 0.1,
         "translation_y": n // 4}
        for n in range(40)
    ]  # fmt: skip
    found = {"title": "crowded", "languages": "de-fr", "points": points}
    picture = ElementTree.fromstring(word_map("map-1", found))
    placed = [
        (float(each.get("x")), float(each.get("y")), len(each.text)) for each in of_class(picture, "word")
    ]
    assert 10 < len(placed) < 80
    for index, (x, y, length) in enumerate(placed):
        for other_x, other_y, other_length in placed[index + 1 :]:
            apart = x + 6 * length <= other_x or other_x + 6 * other_length <= x
            assert apart or abs(y - other_y) >= 11


def test_weights_are_colours_by_target_and_source_and_alignments_outlined():
    attention = ElementTree.fromstring(heat_map("attention-1", "A title", toy_report.attention_map()))
    cells, outlines = of_class(attention, "heat")[:6], of_class(attention, "outline")
    assert [each.find("title").text for each in cells[:4]] == [
        "▁A – ▁Ein: 0.75", "▁A – ▁Hund: 0.25", "▁dog – ▁Ein: 0.10", "▁dog – ▁Hund: 0.90",
    ]  # fmt: skip
    # The largest weight, 0.9, has the full colour.
    shares = ("0.83", "0.28", "0.11", "1.00", "0.56", "0.56")
    assert [each.get("style") for each in cells] == [f"fill-opacity:{share}" for share in shares]
    assert cells[0].get("x") == cells[2].get("x") == cells[4].get("x")
    assert float(cells[1].get("x")) - float(cells[0].get("x")) == 19
    for outline, cell in zip(outlines, (cells[0], cells[3]), strict=True):
        for axis in ("x", "y"):
            assert float(outline.get(axis)) == pytest.approx(float(cell.get(axis)) + 0.5, abs=0.11)
    assert "▁A to ▁Ein (0.75); ▁dog to ▁Hund (0.90)" in attention.find("desc").text
    assert heat_map("a", "", toy_report.attention_map() | {"source": []}) is None


def test_elements_escape_text_and_attributes():
    inner = element("tspan", "a<b")
    assert element("text", inner, "&", x=1.25, class_="word", text_anchor="end", fill=None, id='"') == (
        '<text x="1.2" class="word" text-anchor="end" id="&#34;"><tspan>a&lt;b</tspan>&amp;</text>'
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 43.0, [0, 10, 20, 30, 40, 50]),
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-4.2, 0.0, [-5, -4, -3, -2, -1, 0]),
        (0.0, 0.0, [0, 0.2]),
    ],
)
def test_ticks_are_round_and_hold_all_values(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([50.0, 50.0, 50.0], [50, 60, 70]),
        ([99.0, 98.0], [100, 90]),
        ([50.0] * 12, [10 * rank for rank in range(12)]),
    ],
)
def test_labels_keep_their_distance_and_order(positions, expected):
    assert spread(positions, 10, 0, 100) == pytest.approx(expected)
