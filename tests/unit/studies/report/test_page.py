"""The page of a report: everything that the report says is in it, escaped, and it asks for nothing outside."""

import re
from xml.etree import ElementTree

import pytest

import toy_report
from crosslate.studies.report.report import html


def tree(text: str) -> ElementTree.Element:
    """The page read as XML, which accepts nothing that is not closed, quoted and escaped."""
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>").strip())


def words(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def texts(element: ElementTree.Element, path: str) -> list[str]:
    return [words(each) for each in element.iterfind(path)]


def table(root: ElementTree.Element, title: str) -> list[list[str]]:
    (found,) = (each for each in root.iter("section") if texts(each, "h3") == [title])
    return [[words(cell) for cell in row] for row in found.iter("tr")]


@pytest.fixture(scope="module")
def root():
    return tree(html(toy_report.report()))


def test_what_comes_from_data_is_escaped_wherever_it_stands(root):
    nasty, text = toy_report.NASTY, html(toy_report.report())
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">') and text == html(toy_report.report())
    assert nasty not in text and root.findall(".//b") == []
    assert f"What {nasty} shows." in texts(root, "body/header/p")
    assert f"2 The second claim {nasty}." in texts(root, ".//article/h3")
    assert f"Katze – {nasty}" in [words(each) for each in root.iter("title")]
    assert f"OutOfMemoryError: {nasty}" in texts(root, ".//dl/dd")
    # A character that no document may hold, escaped or not, is replaced.
    assert f"A {nasty} dog\ufffd." in texts(root, ".//td")


def test_every_claim_has_its_verdict_in_words_and_its_numbers(root):
    assert texts(root, ".//ul[@class='verdicts']/li") == [
        "1 ✓ confirmed 1", "1 ✕ contradicted 2", "0 = equivalent no claim", "1 ≈ undecided 3",
        "0 ∎ by construction no claim", "1 – not measured 4",
    ]  # fmt: skip
    cards = root.findall(".//article")
    assert [each.get("id") for each in cards] == ["claim-1", "claim-2", "claim-3", "claim-4"]
    rows = [[words(cell) for cell in row] for row in cards[0].iter("tr")]
    assert rows[1:] == [
        ["a against b", "35.0", "32.0", "+3.0", "", "+2.0 to +4.0", "0.001", "+1.0 (+0.5 to +1.5)"],
        ["c against d", "1.0", "3.5", "−2.5", "", "−3.5 to −1.5", "0.500", "–"],
        ["e against f", "2.0", "1.0", "+1.0", "", "+0.0 to +2.0", "< 0.001", "–"],
    ]
    assert "✓ confirmed on de-en; 1 seed section 3.3, Table 2" in texts(cards[0], "p")
    bars = [each.get("style") for each in cards[0].findall(".//td[@class='balance']/span")]
    assert bars == ["left:50.0%;width:50.0%", "left:8.9%;width:41.1%", "left:50.0%;width:16.4%"]
    assert "2 of 2 support it. Test: paired bootstrap, p < 0.05." in texts(cards[0], "p")


def test_our_numbers_stand_beside_the_papers(root):
    assert table(root, "Children: BLEU") == [
        ["", "this study", "the paper"],
        ["trained", "de-en", "fr-es", "Ro–En", "Fr–Es"],
        ["scratch", "31.1 ± 0.4", "–", "29.0", "24.4"],
        ["embeddings", "32.25", "7.5", "–", "–"],
        ["embeddings + body", "–", "–", "31.0", "27.3"],
    ]
    assert "The paper's numbers: BLEU" not in texts(root, ".//h3")
    alone = tree(html(toy_report.report(tables=toy_report.tables()[1:])))
    assert table(alone, "The paper's numbers: BLEU")[1] == ["scratch", "29.0", "24.4"]


def test_numbers_of_a_column_have_the_same_decimals_and_stand_at_the_right(root):
    assert table(root, "Storage")[1:] == [
        ["de-en src", "32.40", "1,307,200"],
        [toy_report.NASTY, "8.25", "642,048"],
    ]
    (storage,) = (each for each in root.iter("section") if texts(each, "h3") == ["Storage"])
    assert [cell.get("class") for cell in storage.findall(".//tbody/tr")[0]] == [None, "number", "number"]
    zeros = {"title": "T", "note": "", "columns": ["x", "y"], "rows": [["a", -0.0], ["b", -0.25]]}
    assert table(tree(html(toy_report.report(tables=[zeros]))), "T")[1:] == [["a", "0.00"], ["b", "-0.25"]]


@pytest.mark.parametrize(("num_rows", "expected"), [(26, "scroll long"), (25, "scroll")])
def test_long_tables_scroll_in_a_box(num_rows, expected):
    rows = [[f"row {number}", number] for number in range(num_rows)]
    changed = {"title": "T", "note": "", "columns": ["x", "y"], "rows": rows}
    (box,) = tree(html(toy_report.report(tables=[changed]))).findall(".//section[@id='table-1']/div")
    assert (box.get("class"), box.get("tabindex"), box.get("role")) == (expected, "0", "region")


def test_every_system_stands_beside_the_others(root):
    assert table(root, "de-en: toy text") == [
        ["system", "sentence 1", "sentence 2"],
        ["source", "Ein Hund.", "Zwei Hunde."],
        ["reference", "A dog.", "Two dogs."],
        ["scratch", "A cat.", "Two cats."],
        ["src", "nothing", "not translated"],
        ["src+xattn", f"A {toy_report.NASTY} dog\ufffd.", "not translated"],
    ]
    assert [each.get("lang") for each in root.findall(".//tr[@class='given']/td")] == ["de", "de"]


def test_gaps_recipe_and_making(root):
    note, *missing = texts(root, ".//section[@id='gaps']//li")
    assert note.startswith("no lexicon induction for ")
    assert missing == ["de-en src+body", "forgetting of de-en src+body"]
    assert "seeds: - 1 - 2" in words(root.find(".//pre"))
    making = texts(root.find(".//section[@id='making']"), ".//dd")
    # A quick study is the same recipe, scaled down.
    assert making[0] == "crosslate study run toy --quick"
    assert "torch 2.13.0, sacrebleu 2.6.0" in making and "nrefs:1|case:mixed|tok:13a|version:2.6.0" in making
    cells = texts(root, ".//section[@id='making']//tbody/tr/*")
    assert cells == ["de-en train", "toy text", "1,500", "71" * 32]


def test_pictures_say_what_they_show_and_their_numbers_are_finite(root):
    pictures = list(root.iter("svg"))
    assert len(pictures) == 5 + 1 + 1 + 2
    names = {each.get("id") for each in root.iter() if each.get("id")}
    for each in pictures:
        assert words(each.find("title")) and words(each.find("desc"))
        assert {each.get("aria-labelledby"), each.get("aria-describedby")} <= names
        for part in each.iter():
            for name, value in part.attrib.items():
                assert not re.search(r"nan|inf\b|None", value), (part.tag, name, value)


def test_ids_are_unique_and_links_lead_somewhere(root):
    names = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(names) == len(set(names))
    links = [each.get("href") for each in root.iter("a")]
    assert {"#claims", "#tables", "#curves", "#storage", "#maps", "#attention", "#translations"} <= set(links)
    assert {each.removeprefix("#") for each in links} <= set(names)


@pytest.mark.parametrize("made", [toy_report.report, toy_report.empty], ids=["full", "empty"])
def test_nothing_outside_is_asked_for(made):
    text = html(made())
    root = tree(text)
    asked = [each.get(name) for each in root.iter() for name in ("src", "href") if each.get(name)]
    assert [each for each in asked if not each.startswith(("#", "data:"))] == []
    assert "@import" not in text and "url(" not in text and "http" not in text.replace("http-equiv", "")
    (policy,) = (each.get("content") for each in root.iter("meta") if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ") and "script-src 'sha256-" in policy


def test_an_empty_report_is_a_page_too():
    root = tree(html(toy_report.empty()))
    assert texts(root, ".//section/h2") == ["Claims", "Failed and missing", "Recipe", "How it was made"]
    assert "Every cell of the study has a result." in texts(root, ".//p")
    assert list(root.iter("svg")) == []
