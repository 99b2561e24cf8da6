import pytest

from crosslate.languages.codes import NAMES
from crosslate.languages.plurals import PluralRule, plural_rule


@pytest.mark.parametrize(
    ("language", "forms"),  # of 0, 1, 2, 5, 11, 21, 100
    [
        ("en", [1, 0, 1, 1, 1, 1, 1]), ("fr", [0, 0, 1, 1, 1, 1, 1]), ("ja", [0, 0, 0, 0, 0, 0, 0]),
        ("ru", [2, 0, 1, 2, 2, 0, 2]), ("pl", [2, 0, 1, 2, 2, 2, 2]), ("cs", [2, 0, 1, 2, 2, 2, 2]),
        ("ar", [0, 1, 2, 3, 4, 4, 5]), ("lv", [2, 0, 1, 1, 1, 0, 1]), ("sl", [3, 0, 1, 3, 3, 3, 3]),
        ("ga", [4, 0, 1, 2, 4, 4, 4]), ("cy", [0, 1, 2, 5, 5, 5, 5]), ("is", [1, 0, 1, 1, 1, 0, 1]),
    ],
)  # fmt: skip
def test_the_form_of_a_number(language, forms):
    numbers = plural_rule(language).numbers
    assert [
        next(i for i, each in enumerate(numbers) if n in each) for n in (0, 1, 2, 5, 11, 21, 100)
    ] == forms


def test_codes_in_any_spelling():
    assert plural_rule("ces_Latn") == plural_rule("cs-CZ") == plural_rule("cs@latin") == plural_rule("cs")
    assert str(plural_rule("pt_BR")) == str(plural_rule("pt-br")) == "nplurals=2; plural=(n > 1);"
    assert str(plural_rule("pt-PT")) == "nplurals=2; plural=(n != 1);"
    assert str(plural_rule("zh-Hant")) == str(plural_rule("unheard")) == "nplurals=1; plural=0;"


def test_every_rule_is_one():
    for language in NAMES:
        rule = plural_rule(language)
        assert PluralRule.read(str(rule)) is not None
        assert sum(map(len, rule.numbers)) == 1000


def test_the_singular():
    assert [form for form in range(6) if plural_rule("ar").is_singular(form)] == [1]
    assert not plural_rule("ja").is_singular(0)  # which stands for any number
    assert plural_rule("fr").is_rare(0) and not plural_rule("ru").is_rare(0)


@pytest.mark.parametrize(
    "header",
    ["", "nplurals=INTEGER; plural=EXPRESSION;", "nplurals=2; plural=n/0;", "nplurals=1; plural=n;", "nplurals=2; plural=exit();"],
)  # fmt: skip
def test_what_is_no_rule(header):
    assert PluralRule.read(header) is None
