"""Gain from batching requests for different packs together, compared with one batch per pack.

    python -m benchmarks.sharing [--size base] [--texts 1 2 8] [--beam 1] [--turns 3]

A random parent, three packs with a new source and one with a new target; outputs of 16 tokens. CPU seconds
of one thread, the best of the turns, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

NEW_SOURCES = ("de", "ru", "tr")
NUM_WORDS, PIECES = 9_000, 8_000
OUTPUT_TOKENS = 16


def made_up_lines(language: str, count: int = 8_000) -> list[str]:
    """Lines of twelve made-up words, the same for a language."""
    chooser = random.Random(language)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    words = ["".join(chooser.choices(syllables, k=chooser.randint(1, 4))) for _ in range(NUM_WORDS)]
    return [" ".join(chooser.choices(words, k=12)) + "." for _ in range(count)]


def make_models(size: str) -> tuple[Any, dict[str, Any]]:
    """A parent, and children by the language that they read."""
    from crosslate.models.child import make_child
    from crosslate.models.parent import Parent
    from crosslate.models.sizes import parse_size
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide
    from crosslate.packs.compose import apply_packs, pack_child
    from crosslate.text.vocabulary_training import train_vocabulary

    names = ("fr", "en", "es", *NEW_SOURCES)
    vocabularies = {name: train_vocabulary(made_up_lines(name), PIECES) for name in names}
    parent = Parent.create(vocabularies["fr"], vocabularies["en"], "fr", "en", parse_size(size))
    strategies = parse_strategy("src+xattn"), parse_strategy("tgt+xattn")
    children = {
        name: make_child(parent, strategies[0], {"source": NewSide(name, vocabularies[name])})
        for name in NEW_SOURCES
    }
    children["fr"] = make_child(parent, strategies[1], {"target": NewSide("es", vocabularies["es"])})
    return parent, {name: apply_packs(parent, [pack_child(child)]) for name, child in children.items()}


def fastest(work: Callable[[], object], turns: int) -> float:
    """CPU seconds of the fastest of some turns."""
    seconds = []
    for _ in range(turns):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> None:
    import torch

    from crosslate.engines.decoding import DecodingOptions
    from crosslate.engines.shared import SharedBody

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="base")
    parser.add_argument("--texts", type=int, nargs="+", default=[1, 2, 8], help="of each pack")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parent, models = make_models(arguments.size)
    body = SharedBody(parent)
    members = {name: body.join(model) for name, model in models.items()}
    lines = {name: made_up_lines(name, 64) for name in models}
    options = DecodingOptions(beam_size=arguments.beam, max_new_tokens=OUTPUT_TOKENS)
    for count in arguments.texts:
        apart = [[(members[name], text) for text in lines[name][:count]] for name in models]
        shared = [item for items in apart for item in items]
        together = fastest(lambda items=shared: body.translate(items, options), arguments.turns)
        alone = fastest(
            lambda groups=apart: [body.translate(items, options) for items in groups], arguments.turns
        )
        print(
            f"{len(models)} packs, {count} texts each, beam {arguments.beam}: one batch {together:.2f} s, "
            f"a batch per pack {alone:.2f} s, {alone / together:.2f} times"
        )


if __name__ == "__main__":
    main()
