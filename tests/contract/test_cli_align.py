"""``crosslate align``, on a pack in which two of three words lie where their translations lie."""

from __future__ import annotations

import gzip

import pytest


@pytest.fixture
def dictionary(tmp_path):
    path = tmp_path / "de-fr.txt.gz"
    path.write_bytes(gzip.compress(b"Hund\tchien\nKatze chat\nKatze matou\nHaus maison\nnever seen\n"))
    return path


def test_precision_and_examples(crosslate, tiny, dictionary):
    ran = crosslate("align", "--pack", tiny / "packs/de-en", "--dictionary", dictionary)
    assert ran.code == 0, ran.err
    head, counts, _, *rest = [" ".join(line.split()) for line in ran.lines]
    assert head.startswith("German (") and " looked up among French (" in head
    assert head.endswith("parents/fr-en), source embeddings, by cosine")
    # Three of the dictionary's four words can be tested.
    assert counts.startswith(f"{dictionary}: 4 words, 75.0 % tested; 3 of 80 pieces tested, ")
    assert rest[0] == "precision@1 66.7 %"
    examples = {line.split()[0]: line for line in rest[4:]}
    assert examples["Hund"].startswith("Hund 1 chien, ") and examples["Hund"].endswith(" chien")
    assert examples["Katze"].startswith("Katze 1 chat, ") and examples["Katze"].endswith(" chat, matou")
    assert " livre, " in examples["Haus"] and not examples["Haus"].startswith("Haus 1 ")


def test_the_neighbours_of_words(crosslate, tiny):
    ran = crosslate("align", "--pack", tiny / "packs/de-en", "--word", "Hund", "Haus", "-k", 2)
    assert ran.code == 0, ran.err
    rows = [line.split() for line in ran.lines[-2:]]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("Hund", "chien", "1.00,"),
        ("Haus", "livre", "1.00,"),
    ]
    assert all(len(row) == 5 and -1 <= float(row[4]) < 1 for row in rows)


def test_children_of_one_parent_are_compared_with_each_other(crosslate, tiny, tmp_path):
    german = tiny / "packs/de-en"
    (tmp_path / "self.txt").write_text("Hund Hund\nKatze Katze\n")
    ran = crosslate("align", "--pack", german, "--other-pack", german, "--dictionary", tmp_path / "self.txt")
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith(f"German ({german}) looked up among German ({german})")
    assert "precision@1   100.0 %" in ran.lines


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--other-pack", "{packs}/fr-es", "--word", "Hund"), 2, "replaces target, so it has no new source embeddings"),
        (("--side", "target", "--word", "Hund"), 2, "replaces source, so it has no new target embeddings"),
        (("--word", "Hundehaus"), 3, "'Hundehaus' is split into ▁Hund"),
        (("--dictionary", "{packs}/none.txt"), 3, "none.txt: no such file"),
        (("--dictionary", "{bad}"), 3, "bad.txt, line 2 is "),
        (("--dictionary", "{empty}"), 3, "has no words"),
        (("--dictionary", "{swapped}"), 3, "are the dictionary's languages the right way round?"),
        (("--parent", "{packs}/../parents/other", "--word", "Hund"), 4, "was made for another parent"),
        (("--word", "Hund", "-k", "0"), 2, "-k is 0, expected 1 or more"),
    ],
)  # fmt: skip
def test_refusals(crosslate, tiny, tmp_path, arguments, code, expected):
    texts = {"bad": "Hund chien\nzu viele Wörter\n", "empty": "\n\n", "swapped": "chien Hund\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    places = {name: tmp_path / f"{name}.txt" for name in texts} | {"packs": tiny / "packs"}
    filled = [argument.format(**places) for argument in arguments]
    ran = crosslate("align", "--pack", tiny / "packs/de-en", *filled)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
