"""From a list of words to a line of text: spaces, capitals and the final mark."""

from __future__ import annotations


def finish(tokens: list[str], end: str, *, opening: str = "") -> str:
    """Joins ``tokens``, commas without a space before them, and capitalises the first letter.

    Args:
        end: the final mark, with the space before it where the language writes one.
        opening: the mark before the first word (Spanish ``¿``).
    """
    text = " ".join(tokens).replace(" ,", ",")
    text = text.rstrip(",")  # a relative clause at the end needs no closing comma before the final mark
    return opening + text[0].upper() + text[1:] + end
