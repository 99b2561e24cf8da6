"""Forgetting: what a child's body still knows of its parent's pair, and what the parent itself has lost."""

from __future__ import annotations

from dataclasses import dataclass

from crosslate.engines.decoding import DecodingOptions
from crosslate.evaluation.scores import NUM_SAMPLES, Score, bleu
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs, plug_back
from crosslate.packs.pack import Pack
from crosslate.text.corpora import ParallelCorpus
from crosslate.translation.translator import Translator


@dataclass(frozen=True)
class Forgetting:
    """Both measures of forgetting.

    Attributes:
        plugged_back: BLEU of the child's body with the parent's embeddings, on the parent's pair; the
            paper's measure.
        translations: those that were scored.
        parent_is_identical: whether the parent's tensors have the same fingerprint with the pack in use as
            before; a pack alters nothing, so this is what Crosslate guarantees.
        fingerprint: of the parent.
    """

    plugged_back: Score
    translations: list[str]
    parent_is_identical: bool
    fingerprint: str


def measure_forgetting(
    parent: Parent,
    pack: Pack,
    test: ParallelCorpus,
    options: DecodingOptions | None = None,
    *,
    num_samples: int = NUM_SAMPLES,
) -> Forgetting:
    """Scores the parent's embeddings in a child's body on the parent's pair.

    Args:
        parent: whose pair ``test`` is of.
        pack: of the child.
        options: how to decode.
        num_samples: bootstrap resamples of the score.

    Raises:
        PackError: the pack is of another parent.

    Source: Gheini, Ren & May 2021, section 5.1.
    """
    before = parent.fingerprint()
    child = apply_packs(parent, [pack])
    mixed = plug_back(parent, pack)
    translations = Translator(mixed, options=options).translate(test.source)
    del child
    score = bleu(translations, test.target, num_samples=num_samples)
    return Forgetting(score, translations, parent.fingerprint() == before, before)
