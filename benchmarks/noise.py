"""What the rules for mined text drop of noise planted into good text, and what they wrongly drop.

    python -m benchmarks.noise en-eo --text en-eo.tsv.gz --other french.txt

A tenth of the pairs each gets the target of another pair, a copy of the source, a sentence of a third
language, or half of its target; as many near-duplicates are added. ``--respelt`` writes the target side in
Cyrillic, or in Lao letters without spaces between words. Prints the share dropped of every kind, and how
many pairs each rule dropped.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crosslate.languages.codes import language_pair
from crosslate.languages.words import UNSPACED
from crosslate.text.cleaning import CleaningSettings, clean
from crosslate.text.corpora import ParallelCorpus, read_corpus

KINDS = ("good", "shuffled", "copied", "other language", "truncated", "near-duplicate")
_LATIN = "abcdefghijklmnopqrstuvwxyzĉĝĥĵŝŭ"
_CYRILLIC = "абцдефгхијклмнопqрстувwхызчџщжшў"
_LAO = "ດຕຖທນບປຜຝພຟມຢຣລວສຫອຮກຂຄງຈຊຍະາເແໂ"

Pair = tuple[str, str]


def planted(pairs: Sequence[Pair], others: Sequence[str], share: float, seed: int) -> list[tuple[str, Pair]]:
    """Pairs with their kind; ``share`` of the pairs is made each kind of noise."""
    choice = random.Random(seed)
    order = choice.sample(range(len(pairs)), len(pairs))
    count = int(share * len(pairs))
    rows = [order[start * count : (start + 1) * count] for start in range(5)]
    made: dict[int, tuple[str, Pair]] = {row: ("good", pair) for row, pair in enumerate(pairs)}
    for row, other in zip(rows[0], rows[0][1:] + rows[0][:1]):
        made[row] = "shuffled", (pairs[row][0], pairs[other][1])
    for row in rows[1]:
        made[row] = "copied", (pairs[row][0], _nearly(pairs[row][0], choice))
    for row in rows[2]:
        made[row] = "other language", (pairs[row][0], choice.choice(others))
    for row in rows[3]:
        made[row] = "truncated", (pairs[row][0], _half(pairs[row][1]))
    mixed = [made[row] for row in range(len(pairs))]
    for row in sorted(rows[4], reverse=True):
        source, target = pairs[row]
        near = _nearly(source, choice), _nearly(target, choice)
        if near != pairs[row]:
            mixed.insert(choice.randrange(row + 1, len(mixed) + 1), ("near-duplicate", near))
    return mixed


def _nearly(text: str, choice: random.Random) -> str:
    """The same text, perhaps with another end, another case, other digits or further spaces."""
    kind = choice.randrange(4)
    if kind == 0:
        return text.rstrip(".!?") + choice.choice(["", "!", "...", " ."])
    if kind == 1:
        return text.upper()
    if kind == 2:
        return "".join(str(choice.randrange(10)) if char.isdigit() else char for char in text)
    return text.replace(" ", "  ", 1)


def _half(text: str) -> str:
    if UNSPACED.search(text):
        return text[: (len(text) + 1) // 2]
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])


def respelt(text: str, script: str) -> str:
    """``text`` in the letters of another script."""
    lower = text.lower()
    if script == "Cyrl":
        return lower.translate(str.maketrans(_LATIN, _CYRILLIC))
    return lower.replace(" ", "").translate(str.maketrans(_LATIN, _LAO[: len(_LATIN)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pair", help="languages, such as en-eo")
    parser.add_argument("--text", nargs="+", type=Path, required=True, help="good pairs")
    parser.add_argument("--other", type=Path, required=True, help="lines of a third language")
    parser.add_argument("--respelt", choices=["Cyrl", "Laoo"], help="script of the target side")
    parser.add_argument("--share", type=float, default=0.1, help="of each kind of noise; 0 plants none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source, target = language_pair(options.pair)
    pairs = list(read_corpus(options.text, source, target))
    if options.respelt:
        pairs = [(one, respelt(other, options.respelt)) for one, other in pairs]
        target = f"{target}-{options.respelt}"
    others = options.other.read_text(encoding="utf-8").splitlines()
    # What is dropped from any text is not measured here.
    pairs = list(_cleaned(pairs, source, target, is_mined=False)[0])
    mixed = planted(pairs, others, options.share, options.seed)
    print(f"| corpus | pairs | {' | '.join(KINDS)} | pairs/s |")
    print("|---" * (len(KINDS) + 3) + "|")
    print(_row(f"{source}-{target}", mixed, source, target))


def _cleaned(pairs: Sequence[Pair], source: str, target: str, *, is_mined: bool):
    return clean(
        ParallelCorpus(*zip(*pairs), source, target), CleaningSettings(mined=is_mined), Path("unused")
    )


def _row(name: str, mixed: list[tuple[str, Pair]], source: str, target: str) -> str:
    start = time.perf_counter()
    kept, report = _cleaned([pair for _, pair in mixed], source, target, is_mined=True)
    speed = len(mixed) / (time.perf_counter() - start)
    left = Counter(kept)
    totals, dropped = Counter(kind for kind, _ in mixed), Counter[str]()
    for kind, pair in mixed:  # of equal pairs the first is kept
        if left[pair]:
            left[pair] -= 1
        else:
            dropped[kind] += 1
    shares = [f"{dropped[kind] / totals[kind]:.1%}" if totals[kind] else "" for kind in KINDS]
    rules = ", ".join(f"{rule} {count.dropped}" for rule, count in report.rules.items() if count.dropped)
    return f"| {name} | {len(mixed):,} | {' | '.join(shares)} | {speed:,.0f} |\n\n{rules}"


if __name__ == "__main__":
    main()
