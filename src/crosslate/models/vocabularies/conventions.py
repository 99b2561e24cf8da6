"""How families of tokenizers write languages, as data; no other code asks for a family of tokenizers.

What surrounds a sentence is asked of the tokenizer itself. What it does not say stands here: which pieces are
codes of languages, and where a model wants the code of the language that it shall write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crosslate.errors import CrosslateError, ParentError
from crosslate.languages.codes import (
    contradicts,
    is_same_language,
    language_code,
    script_of,
    three_letter_code,
)

CodePlace = Literal["first", "start", "source"]


@dataclass(frozen=True)
class Conventions:
    """Where a family of tokenizers keeps its languages.

    Attributes:
        codes: pattern of the pieces that stand for languages, with the language as its group; empty where
            there are none.
        target: where the target language's code goes: ``first`` piece of every translation, token that the
            decoder ``start``s with, or before the ``source`` text.
        is_optional: whether there are models without codes, and others that have some but are for one pair,
            as in OPUS-MT.
        spelling: of a code, with ``{language}``, ``{three_letters}`` and ``{script}`` in their places.
    """

    codes: str = ""
    target: CodePlace = "first"
    is_optional: bool = False
    spelling: str = ""


CONVENTIONS: Mapping[str, Conventions] = {
    "MarianTokenizer": Conventions(r">>(.+)<<", "source", is_optional=True, spelling=">>{three_letters}<<"),
    "MBartTokenizer": Conventions(r"([a-z]{2}_[A-Z]{2})", "start", spelling="{language}_XX"),
    "MBart50Tokenizer": Conventions(r"([a-z]{2}_[A-Z]{2})", "first", spelling="{language}_XX"),
    "M2M100Tokenizer": Conventions(r"__([a-z]{2,3})__", "first", spelling="__{language}__"),
    "NllbTokenizer": Conventions(r"([a-z]{3}_[A-Z][a-z]{3})", "first", spelling="{three_letters}_{script}"),
    # MADLAD-400 is a T5 whose pieces include codes; T5 itself has none.
    "T5Tokenizer": Conventions(
        r"<2([a-z]{2,3}(?:_[A-Z][a-z]{3}|_[A-Z]{2})?)>", "source", is_optional=True, spelling="<2{language}>"
    ),
    "SeamlessM4TTokenizer": Conventions(
        r"__([a-z]{3}(?:_[A-Z][a-z]{3})?)__", "first", spelling="__{three_letters}__"
    ),
    "PLBartTokenizer": Conventions(r"__([a-z]+(?:_XX)?)__", "start", spelling="__{language}__"),
}
"""By class of tokenizer; one that is missing here has no codes."""

_ARTIFICIAL = "art-"
_OWN_CODES = {"pob": "pt_br", "pb": "pt_br", "iw": "he"}
"""Old and unusual codes (OPUS-MT's Brazilian Portuguese, MADLAD's Hebrew), and what they mean."""


def find_code(conventions: Conventions, pieces: Iterable[str], language: str) -> str | None:
    """The piece that stands for ``language``: ``fra_Latn`` for ``fr``, say; None where models
    may do without, and this one does.

    Of several codes of one language, the one with its region counts, else the one without a region. A script
    is never guessed: ``zh`` is refused where there are ``zho_Hans`` and ``zho_Hant``.

    Args:
        language: any code that :func:`crosslate.languages.codes.language_code` takes, or the model's own.

    Raises:
        ParentError: no code is that language's, or several are (the message lists them), or there are none.
    """
    if not conventions.codes:
        return None
    codes = known_codes(conventions, pieces)
    if not codes and conventions.is_optional:
        return None
    if not codes:
        raise ParentError(
            "the tokenizer lists none of the codes of languages that its family has; files that name them "
            "(tokenizer.json, or special tokens in tokenizer_config.json) are missing: get the model again"
        )
    wanted = _plain(language).removeprefix(_plain(_ARTIFICIAL))
    for code, piece in codes.items():
        if wanted in (_plain(code), _plain(piece)):
            return piece
    same = codes_of_language(codes, wanted)
    if len(same) == 1:
        return codes[same[0]]
    what = f"several codes for {language!r}" if same else f"no code for {language!r}"
    raise ParentError(f"the model has {what}; give one of its own: {', '.join(sorted(same or codes))}")


def known_codes(conventions: Conventions, pieces: Iterable[str]) -> dict[str, str]:
    """The languages among ``pieces`` as the model calls them, each with its piece."""
    pattern = re.compile(conventions.codes or "(?!)")
    return {match[1]: piece for piece in pieces if (match := pattern.fullmatch(piece))}


def codes_of_language(codes: Iterable[str], language: str) -> list[str]:
    """Those of a model's codes that ``language`` may mean; one where it is clear."""
    wanted = _usual(language)
    same = [code for code in codes if not contradicts(_usual(code), wanted)]
    scripts = {script_of(_usual(code)) for code in same}
    if not script_of(wanted) and len(scripts) > 1:
        return same
    if script_of(wanted) in scripts:
        same = [code for code in same if script_of(_usual(code)) == script_of(wanted)]
    parts = _further(wanted)
    fitting = [code for code in same if _further(_usual(code)) <= parts]
    most = max((len(_further(_usual(code))) for code in fitting), default=0)
    return [code for code in fitting if len(_further(_usual(code))) == most] or same


def _usual(code: str) -> str:
    plain = _plain(code.strip("_"))
    return _OWN_CODES.get(plain, plain)


def _further(code: str) -> set[str]:
    """What a code says beside language and script: the region, for example."""
    return set(code.split("_")[1:]) - {script_of(code)}


def spell_code(conventions: Conventions, language: str) -> str:
    """A code for a language that a model lacks, as its family would spell it: ``kab_Latn`` for ``kab-Latn``.

    Raises:
        ParentError: the family's codes name the script, and ``language`` does not.
    """
    first, *parts = language.removeprefix(_ARTIFICIAL).split("-")
    script = next((part for part in parts if len(part) == 4), "")
    if "{script}" in conventions.spelling and not script:
        raise ParentError(
            f"the model's codes name the script, like fra_Latn, and {language!r} does not; "
            f"give the code, {three_letter_code(first)}_Latn for Latin script, say"
        )
    return conventions.spelling.format(
        language=first, three_letters=three_letter_code(first), script=script.title()
    )


def describe_language(language: str) -> str:
    """The code that a parent calls a language by; programming languages (PLBart) become ``art-java``."""
    plain = language.strip("_")
    try:
        return language_code(plain)
    except CrosslateError:
        return language_code(_ARTIFICIAL + plain)


def _plain(code: str) -> str:
    return code.replace("-", "_").lower()


def task_prefixes(config: Any) -> dict[tuple[str, str], str]:
    """What a model may want before the text, by the languages as its configuration spells them."""
    listed = getattr(config, "task_specific_params", None) or {}
    return {
        (match[1], match[2]): str(settings.get("prefix", ""))
        for task, settings in listed.items()
        if (match := re.fullmatch(r"translation_(\w+)_to_(\w+)", task))
    }


def task_prefix(config: Any, source_language: str, target_language: str) -> str:
    """What a model that was trained on named tasks wants before the text; empty for all others.

    The configurations of T5 list them: ``translation_en_to_de`` with ``translate English to German: ``.

    Raises:
        ParentError: it lists translations, but not this one.
    """
    prefixes = task_prefixes(config)
    for (source, target), prefix in prefixes.items():
        if is_same_language(source, source_language) and is_same_language(target, target_language):
            return prefix
    if prefixes:
        known = ", ".join(f"{source} to {target}" for source, target in prefixes)
        raise ParentError(
            f"the model translates {known}, not {source_language} to {target_language}; name one of these "
            "pairs, and teach it the other language as a new source or target; or, if it was fine-tuned on "
            "this pair, give the prefix that it was trained with"
        )
    return ""
