"""Capitals and small letters, by the rules of each language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from unicodedata import category, normalize

import regex

# A shorter word by itself is rather an abbreviation: USA.
_MIN_SINGLE_WORD = 4
_WORD = r"\p{L}[\p{L}\p{M}]*+"
_WORDS = regex.compile(_WORD)
# Its first word is that of a sentence only where no number comes before it.
_BEGINNING = regex.compile(rf"[^\p{{L}}\p{{N}}]*({_WORD})")
_LETTER = regex.compile(r"\p{L}")
_ORDINALS = "ªº"


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DOTTED_I = _listed("tr tur az aze azj crh gag")
# Greek capitals have no accent; a second vowel that the accent kept apart gets a diaeresis.
_GREEK = _listed("el ell")
_GREEK_HIATUS = re.compile("([αεοη]\u0301)([ιυ])(?!\u0308)", re.IGNORECASE)
_DUTCH = _listed("nl nld")
# Many fonts have no capitals of Georgian, which are used in headings alone.
_GEORGIAN = _listed("ka kat")
# Its letters are capitals to Unicode, and those of every ordinary text.
_CHEROKEE = _listed("chr")
_CHEROKEE_LETTER = re.compile("[\u13a0-\u13fd]")
# The commonest words that begin a sentence and are no nouns, in languages whose nouns have capitals.
_SMALL_WORDS: Mapping[str, frozenset[str]] = {
    "de": _listed(
        """der die das den dem des ein eine einen einem einer eines kein keine mein meine dein deine sein
        seine ihr ihre unser unsere ich du er es wir man dies diese dieser dieses und oder aber denn sondern
        weil wenn als dass ob wie wo was wer wann warum in im an am auf aus bei beim mit nach von vom vor
        zu zum zur für um über unter durch ohne gegen nicht auch nur noch schon sehr so da dann hier dort
        heute ja nein"""
    ),
    "lb": _listed("de d den dem der eng en e ech du hien hatt mir an oder mee wann well op mat vun fir"),
}
_ALWAYS_CAPITAL: Mapping[str, frozenset[str]] = {"en": frozenset({"I"})}


def is_in_capitals(text: str) -> bool:
    """Whether a text is written in capitals throughout: words, or one too long for an abbreviation."""
    words = _WORDS.findall(text)
    letters = _LETTER.findall(text)
    if not all(map(str.isupper, letters)) or _CHEROKEE_LETTER.search(text):
        return False
    return len(letters) >= _MIN_SINGLE_WORD or (len(words) > 1 and len(letters) > len(words))


def in_sentence_case(text: str, language: str, num_tokens: Callable[[str], int]) -> str:
    """A text in capitals as if it were not; any other text as it is.

    Each word is spelt as the vocabulary knows it best (``Hund``, ``dog``, ``USA``), in small letters if in
    doubt, and the first one begins with a capital.

    Args:
        num_tokens: how many tokens a word is in the vocabulary that will read it.
    """
    if not is_in_capitals(text):
        return text
    always = _ALWAYS_CAPITAL.get(_base(language), ())

    def spelt(match: regex.Match[str]) -> str:
        word, small = match.group(), lower(match.group(), language)
        if word in always:
            return word
        return min(small, first_letter_upper(small, language), word, key=num_tokens)

    return first_letter_upper(_WORDS.sub(spelt, text), language)


def upper(text: str, language: str) -> str:
    """``text`` in capitals: ``i`` is ``İ`` in Turkish, Greek has no accents, Georgian stays."""
    if _base(language) in _GEORGIAN:
        return text
    if _base(language) in _DOTTED_I:
        text = text.replace("i", "İ")
    elif _base(language) in _GREEK:
        text = _GREEK_HIATUS.sub("\\1\\2\u0308", normalize("NFD", text)).replace("\u0301", "")
        text = normalize("NFC", text)
    return text.upper()


def lower(text: str, language: str) -> str:
    """``text`` in small letters: ``I`` is ``ı`` in Turkish."""
    if _base(language) in _CHEROKEE:
        return text
    if _base(language) in _DOTTED_I:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()


def with_case_of(source: str, text: str, language: str) -> str:
    """A sentence's translation in capitals where the sentence is, else with its first letter's case.

    A sentence says nothing where its script has no capitals, or where it begins with a number.

    Args:
        language: code of the translation's language.
    """
    if is_in_capitals(source):
        return upper(text, language)
    match = _BEGINNING.match(source)
    # "iphone很好用": a foreign word of a script that has capitals.
    if match is None or any(category(letter) == "Lo" and letter not in _ORDINALS for letter in source):
        return text
    word = match.group(1)
    if word[0].isupper() or word[0].istitle():
        return first_letter_upper(text, language)
    is_small = word[0].title() != word[0] and word == word.lower()
    return first_letter_lower(text, language, source) if is_small else text


def first_letter_upper(text: str, language: str) -> str:
    """``text`` with the first letter as sentences begin in a language; "iPhone" stays."""
    match = _BEGINNING.match(text)
    if match is None or match.group(1)[1:] != match.group(1)[1:].lower():
        return text
    if _base(language) in _DUTCH and match.group(1)[:2] == "ij":
        return f"{text[: match.start(1)]}IJ{text[match.start(1) + 2 :]}"
    letter = text[match.start(1)]
    changed = "İ" if letter == "i" and _base(language) in _DOTTED_I else letter.title()
    return _with_letter(text, match.start(1), changed)


def first_letter_lower(text: str, language: str, source: str) -> str:
    """``text`` with its first letter small, as in the middle of a sentence.

    Words keep their capital that have it everywhere: names that ``source`` holds, too, the English "I",
    abbreviations, and in languages with capital nouns all but the commonest other words.
    """
    match = _BEGINNING.match(text)
    if match is None:
        return text
    word, base = match.group(1), _base(language)
    small = _SMALL_WORDS.get(base)
    if (
        word in _ALWAYS_CAPITAL.get(base, ())
        or word[1:] != word[1:].lower()
        or word in _WORDS.findall(source)
        or (small is not None and word.lower() not in small)
    ):
        return text
    return _with_letter(text, match.start(1), lower(word[0], language))


def _with_letter(text: str, index: int, letter: str) -> str:
    # Letters like "ß" become two; those stay.
    return text[:index] + letter + text[index + 1 :] if len(letter) == 1 else text


def _base(language: str) -> str:
    return re.split("[-_]", language)[0].lower()
