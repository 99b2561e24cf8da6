"""Cuts text into sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise

import regex

from crosslate.abandoned import stop_if_abandoned
from crosslate.languages.codes import is_same_language
from crosslate.languages.orthography import END_MARKS, WIDE_END_MARKS

Span = tuple[int, int]
"""Start and end of a part of a text."""

_MARK = "[" + re.escape("".join(mark for mark in END_MARKS if mark not in WIDE_END_MARKS)) + "]"
# Closing punctuation before a space, or the full stops of scripts that use no spaces. One letter with a stop
# is an abbreviation, and behind a quotation a small letter goes on with its sentence; French has a space in
# the quotation marks. A match begins where a run of marks begins, so that a long run is read once.
_ABBREVIATION = r"(?<!\p{L}\p{M}*)[\p{Lu}\p{Ll}]\."
_CLOSING = r"""(?:["'”’»)\]]|[\u00a0\u202f]»)"""
_SENTENCE_END = regex.compile(
    rf"(?<!{_MARK}){_MARK}++(?<!{_ABBREVIATION})(?:{_CLOSING}++\s++(?!\p{{Ll}})|(?!{_CLOSING})\s++)"
    rf"|[{WIDE_END_MARKS}]++[」』”’）]*+\s*+"
)
_GREEK_END = regex.compile(rf"{_SENTENCE_END.pattern}|;\s++")
# Ends that sentencex does not know: of Khmer and Tibetan, and the stop as Amharic is often typed.
_FURTHER_END = regex.compile(r"(?:[។៕།༎]|፡፡)++\s++")
# Cuts inside a sentence: before the ending of a Spanish ordinal, after a Burmese comma, and between what is
# said and "he said" in Japanese.
_NO_END = regex.compile(r"\.\n[ªº]|၊\s*\n|[」』”]\n(?:と(?:[\p{sc=Hani}、]|い[うえっわ])|って)")
# Splitting takes time that grows with the square of some texts (open quotation marks, markup, code) and lets
# no other thread run meanwhile, so longer texts are split window by window. What ends a sentence near the end
# of a window is decided by the next one, which sees what follows.
_WINDOW_CHARACTERS, _MARGIN_CHARACTERS = 2000, 500


def sentences(text: str, language: str) -> list[str]:
    """The sentences of ``text``; joined they are ``text`` again. Takes time linear in the text's length.

    Uses sentencex where it is installed (about 300 languages, any code is accepted), else a regular
    expression for closing punctuation.
    """
    try:
        import sentencex
    except ImportError:
        end = _GREEK_END if is_same_language(language, "el") else _SENTENCE_END
        return _split_in_windows(text, lambda window: _mended(cut_after(window, end)))
    return _split_in_windows(text, lambda window: _mended(sentencex.segment(language, window)))


def _mended(found: Iterable[str]) -> Iterator[str]:
    """``found`` without cuts inside a sentence, and with the ends that it lacks."""
    whole = ""
    for part in found:
        if whole and not _NO_END.search(f"{whole[-3:]}\n{part[:2]}"):
            yield from cut_after(whole, _FURTHER_END)
            whole = ""
        whole += part
    yield from cut_after(whole, _FURTHER_END)


def _split_in_windows(text: str, split: Callable[[str], Iterable[str]]) -> list[str]:
    """The sentences that ``split`` finds in windows of ``text``; a window begins at a sentence if it can."""
    stop_if_abandoned()
    if len(text) <= _WINDOW_CHARACTERS:
        return list(split(text))
    cuts = [0]
    start = decided = 0  # of the window; and up to where all ends are known
    while start < len(text):
        stop_if_abandoned()
        end = start + _WINDOW_CHARACTERS
        found = list(accumulate(map(len, split(text[start:end])), initial=start))
        known_to = end - _MARGIN_CHARACTERS if end < len(text) else len(text)
        cuts += [cut for cut in found if decided < cut <= known_to]
        if end >= len(text):
            break
        if cuts[-1] >= start + _WINDOW_CHARACTERS // 2:
            start = decided = cuts[-1]
        else:  # a sentence without an end: go on at a word of it, since it would be read again and again
            start = text.rfind(" ", known_to - _MARGIN_CHARACTERS, known_to) + 1 or known_to
            decided = known_to
    return [text[first:last] for first, last in pairwise(cuts)]


def cut_after(text: str, boundary: re.Pattern[str] | regex.Pattern[str]) -> Iterator[str]:
    """``text`` in parts that end where ``boundary`` matches; only of an empty text is the last one empty."""
    start = 0
    for match in boundary.finditer(text):
        if match.end() < len(text):
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]


def paired_sentences(text: str, translation: str, languages: tuple[str, str]) -> list[tuple[Span, Span]]:
    """Places of sentences and of their translations: line by line, and sentence by sentence.

    Translating keeps lines and nearly always the number of sentences. Where a line has another number of
    them it is one pair, and where the number of lines differs, so is the whole text.
    """
    lines, translated = (_placed(each.split("\n"), 0, gap=1) for each in (text, translation))
    if len(lines) != len(translated):
        lines, translated = [(0, len(text))], [(0, len(translation))]
    found: list[tuple[Span, Span]] = []
    for one, other in zip(lines, translated):
        ours = _placed(sentences(text[slice(*one)], languages[0]), one[0])
        theirs = _placed(sentences(translation[slice(*other)], languages[1]), other[0])
        found += zip(ours, theirs) if len(ours) == len(theirs) else [(one, other)]
    return found


def _placed(parts: list[str], start: int, gap: int = 0) -> list[Span]:
    """Places of the parts that are not blank, in a text that they make up with ``gap`` characters between."""
    found = []
    for part in parts:
        if part.strip():
            found.append((start, start + len(part)))
        start += len(part) + gap
    return found
