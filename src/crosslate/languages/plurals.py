"""Plural forms: how many a language has, and which of them goes with a number.

Source: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html,
for whole numbers, with the forms in the order of gettext's catalogues.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from crosslate.languages.codes import is_same_language

_RARE_NUMBERS = 2  # a form of no more numbers than 0 and 1 may do without the number
_SLAVIC = "n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2"
_BRETON = (
    "n%10==1 && n%100!=11 && n%100!=71 && n%100!=91 ? 0 : "
    "n%10==2 && n%100!=12 && n%100!=72 && n%100!=92 ? 1 : (n%10==3 || n%10==4 || n%10==9) && "
    "(n%100<10 || n%100>19) && (n%100<70 || n%100>79) && n%100<90 ? 2 : n!=0 && n%1000000==0 ? 3 : 4"
)
# Number of forms, expression, languages. A language that is not here has one form, as in CLDR: the plural
# fits any number.
_TABLE = (
    (2, "n != 1", "af az bg ca da de el en eo es et eu fi fo fur fy gl ha he hu it ka kk ku ky lb lg ml mn"),
    (2, "n != 1", "mr nah nb ne nl nn no ny om or ps pt rm rw sc sd sn so sq ss st sv sw ta te tk tn tr ts"),
    (2, "n != 1", "ug ur uz xh yi"),
    (2, "n > 1", "ak am as bn fa ff fil fr gu hi hy kab kn ln mg mi nso oc pa pt-BR si ti tl wa zu"),
    (2, "n%10!=1 || n%100==11", "is mk"),
    (3, _SLAVIC, "be bs hr ru sr uk"),
    (3, "n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2", "pl"),
    (3, "n==1 ? 0 : n>=2 && n<=4 ? 1 : 2", "cs sk"),
    (3, "n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<11 || n%100>19) ? 1 : 2", "lt"),
    (3, "n%10==1 && n%100!=11 ? 0 : n!=0 ? 1 : 2", "lv"),
    (3, "n==1 ? 0 : n==0 || (n%100>0 && n%100<20) ? 1 : 2", "ro"),
    (4, "n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3", "sl"),
    (4, "n==1 || n==11 ? 0 : n==2 || n==12 ? 1 : n>2 && n<20 ? 2 : 3", "gd"),
    (4, "n==1 ? 0 : n==0 || (n%100>1 && n%100<11) ? 1 : n%100>10 && n%100<20 ? 2 : 3", "mt"),
    (5, "n==1 ? 0 : n==2 ? 1 : n>2 && n<7 ? 2 : n>6 && n<11 ? 3 : 4", "ga"),
    (5, _BRETON, "br"),
    (6, "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5", "ar"),
    (6, "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n==3 ? 3 : n==6 ? 4 : 5", "cy"),
)
_HEADER = re.compile(r"\s*nplurals\s*=\s*(\d{1,2})\s*;\s*plural\s*=\s*([^;]{1,900})")


@dataclass(frozen=True)
class PluralRule:
    """Which of ``num_forms`` forms goes with a number ``n``: the value of an expression in C's notation."""

    num_forms: int
    expression: str

    @classmethod
    def read(cls, header: str) -> PluralRule | None:
        """The rule of a catalogue's header (``nplurals=2; plural=(n != 1);``); None where it is none."""
        match = _HEADER.match(header)
        rule = cls(int(match.group(1)), match.group(2).strip()) if match else None
        return rule if rule and any(rule.numbers) else None

    def __str__(self) -> str:
        """As :meth:`read` gets it."""
        spelt = f"({self.expression})" if "n" in self.expression else self.expression
        return f"nplurals={self.num_forms}; plural={spelt};"

    @cached_property
    def numbers(self) -> list[list[int]]:
        """For every form the numbers below 1000 that it goes with; none where the expression is no rule."""
        numbers: list[list[int]] = [[] for _ in range(self.num_forms)]
        try:
            form: Callable[[int], int] = gettext.c2py(self.expression)
            for number in range(1000):
                numbers[form(number)].append(number)
        except (ValueError, ArithmeticError, IndexError, RecursionError):
            return [[] for _ in range(self.num_forms)]
        return numbers

    def is_singular(self, form: int) -> bool:
        """Whether a form goes with 1, in a language that tells 1 from many."""
        return self.num_forms > 1 and 1 in self.numbers[form]

    def is_rare(self, form: int) -> bool:
        """Whether a form goes with so few numbers (1; 0 and 1) that a text in it need not show the number."""
        return len(self.numbers[form]) <= _RARE_NUMBERS


def plural_rule(language: str) -> PluralRule:
    """The plural forms of a language, by its code in any spelling."""
    found = None
    language = language.partition("@")[0]
    for num_forms, expression, listed in _TABLE:
        for code in listed.split():
            if code.lower() == language.replace("_", "-").lower():
                return PluralRule(num_forms, expression)
            if "-" not in code and is_same_language(code, language):
                found = PluralRule(num_forms, expression)
    return found or PluralRule(1, "0")
