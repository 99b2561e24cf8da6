"""What Crosslate does with each family of parents, as tests assert it; ``docs/families.md`` shows it.

``python tests/support.py`` writes the table of that page anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "families.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Support:
    """One family.

    Attributes:
        title: what people call it.
        example: a parent on the hub in the layout that is tested.
        tokenizers: by new side, whether a merged checkpoint has ``one`` tokenizer or ``two``.
        is_exported: whether CTranslate2 translates with it.
    """

    title: str
    example: str
    tokenizers: dict[str, str]
    is_exported: bool = True


_ONE = {"source": "one", "target": "one", "both": "one"}
_TWO_UNLESS_BOTH = {"source": "two", "target": "two", "both": "one"}
_TWO = {"source": "two", "target": "two", "both": "two"}

FAMILIES: dict[str, Support] = {
    "marian": Support("Marian (OPUS-MT)", "Helsinki-NLP/opus-mt-fr-en", _ONE),
    "marian-separate": Support("Marian, two vocabularies", "crosslate parent train", _ONE),
    "marian-of-many": Support("Marian, many languages", "Helsinki-NLP/opus-mt-en-ROMANCE", _ONE),
    "mbart": Support("mBART", "facebook/mbart-large-en-ro", _TWO_UNLESS_BOTH),
    "mbart-50": Support("mBART-50", "facebook/mbart-large-50-many-to-many-mmt", _TWO_UNLESS_BOTH),
    "m2m100": Support("M2M100", "facebook/m2m100_418M", _TWO_UNLESS_BOTH),
    "nllb": Support("NLLB", "facebook/nllb-200-distilled-600M", _TWO_UNLESS_BOTH),
    "bart": Support("BART", "facebook/bart-base", _TWO_UNLESS_BOTH),
    "pegasus": Support("Pegasus", "google/pegasus-xsum", _TWO_UNLESS_BOTH),
    "blenderbot": Support("Blenderbot", "facebook/blenderbot-400M-distill", _TWO_UNLESS_BOTH),
    "blenderbot-small": Support(
        "Blenderbot-small", "facebook/blenderbot_small-90M", _TWO_UNLESS_BOTH, is_exported=False
    ),
    "plbart": Support("PLBart", "uclanlp/plbart-base", _TWO_UNLESS_BOTH),
    "t5": Support("T5", "google-t5/t5-small", _TWO_UNLESS_BOTH),
    "t5-v1.1": Support("T5 v1.1", "google/t5-v1_1-small", _TWO_UNLESS_BOTH),
    "mt5": Support("mT5", "google/mt5-small", _TWO_UNLESS_BOTH),
    "umt5": Support("UMT5", "google/umt5-small", _TWO),
    "fsmt": Support("FSMT", "facebook/wmt19-de-en", _TWO_UNLESS_BOTH),
}
"""By layout of ``hub_folders.LAYOUTS``."""

REORDERED = {"marian", "marian-of-many"}
"""Their checkpoints pad with the last id, so that rows of the side that stays change places at merging."""


def table() -> str:
    """The table of ``docs/families.md``."""
    lines = [
        "| family | for example | new source | new target | both | CTranslate2 |",
        "|---|---|---|---|---|---|",
    ]
    for support in FAMILIES.values():
        merged = [f"merged, {support.tokenizers[side]}" for side in ("source", "target", "both")]
        exported = "yes" if support.is_exported else "no: ONNX Runtime"
        cells = [support.title, f"`{support.example}`", *merged, exported]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
