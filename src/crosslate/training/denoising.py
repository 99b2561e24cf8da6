"""Pairs of noised and original text for training a denoiser."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import VocabularyError
from crosslate.languages.orthography import END_MARKS
from crosslate.languages.words import UNSPACED
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Vocabulary
from crosslate.training.batches import Integers, PairIds

_TRIES = 8


class NoiseSettings(Settings):
    """Noise applied to a line; the defaults are mBART's.

    Source: Lewis et al. 2020 (BART), section 2.2; Liu et al. 2020 (mBART), section 2.2. Deviation: lines
    never grow, so masks between words are left out unless longer spans have made room for them.
    """

    mask_share: float = Field(0.35, ge=0, lt=1, description="Share of words replaced by masks.")
    mean_span_words: float = Field(
        3.5,
        gt=0,
        description="Mean of the Poisson distribution of span lengths. Each span becomes one mask; a span of "
        "length 0 inserts a mask between two words.",
    )
    permute_sentences: bool = Field(True, description="Shuffle the sentences of a line.")


class DenoisingPairs:
    """Pairs for the training loop: the noised line is the source, the original line the target.

    Noise depends only on (seed, epoch, line), so that a resumed run sees the same. Source lengths are those
    of the original lines, an upper bound, so that every epoch has the same batches.

    Args:
        lines: encoded lines; their target sides are used.
        vocabulary: of all languages; its otherwise unused beginning-of-sentence id is the mask.

    Raises:
        VocabularyError: the vocabulary has no beginning-of-sentence id.
    """

    def __init__(self, lines: PairIds, vocabulary: Vocabulary, settings: NoiseSettings, seed: int) -> None:
        if vocabulary.special.bos is None:
            raise VocabularyError(
                "the vocabulary has no beginning-of-sentence id, which denoising uses as its mask"
            )
        self._lines, self._settings, self._seed = lines, settings, seed
        self.source_lengths = self.target_lengths = lines.target_lengths
        self._mask = vocabulary.special.bos
        self._starts_word = np.array([_starts_word(piece) for piece in vocabulary.pieces])
        self._ends_sentence = np.array([piece.endswith(tuple(END_MARKS)) for piece in vocabulary.pieces])
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Selects the noise of a 0-based epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lines)

    def target_ids(self, index: int) -> Integers:
        """The original line: ``(tgt_len,)``, ending in end of sentence."""
        return self._lines.target_ids(index)

    def source_ids(self, index: int) -> Integers:
        """The noised line: ``(src_len,)`` int64, ending in end of sentence, no longer than the original."""
        random = np.random.default_rng([self._seed, self._epoch, index])
        whole = np.asarray(self._lines.target_ids(index), dtype=np.int64)
        body: Integers = whole[:-1]
        if self._settings.permute_sentences:
            body = self._permuted(body, random)
        return np.append(self._masked(body, random), whole[-1])

    def _permuted(self, ids: Integers, random: np.random.Generator) -> Integers:
        is_border = self._ends_sentence[ids[:-1]] & self._starts_word[ids[1:]]
        borders = np.flatnonzero(is_border) + 1
        if not len(borders):
            return ids
        sentences = np.split(ids, borders)
        return np.concatenate([sentences[each] for each in random.permutation(len(sentences))])

    def _masked(self, ids: Integers, random: np.random.Generator) -> Integers:
        starts = np.flatnonzero(self._starts_word[ids])
        if not len(starts) or starts[0]:
            starts = np.r_[0, starts]  # a line may begin in the middle of a word
        words = np.split(ids, starts[1:])
        wanted = int(self._settings.mask_share * len(words) + random.random())
        spans, num_between = self._lengths(wanted, random)
        owners = _placed(spans, len(words), random)
        noised: list[Integers] = []
        mask = np.array([self._mask], dtype=np.int64)
        for word, owner, before in zip(words, owners, [-1, *owners]):
            if owner < 0:
                noised.append(word)
            elif owner != before:
                noised.append(mask)
        room = len(ids) - sum(map(len, noised))
        for _ in range(min(num_between, room)):
            noised.insert(int(random.integers(len(noised) + 1)), mask)
        return np.concatenate(noised) if noised else ids

    def _lengths(self, wanted: int, random: np.random.Generator) -> tuple[list[int], int]:
        """Lengths of spans that mask ``wanted`` words in total, and the number of spans of length 0."""
        spans: list[int] = []
        num_between = 0
        while wanted > sum(spans):
            length = int(random.poisson(self._settings.mean_span_words))
            if length:
                spans.append(min(length, wanted - sum(spans)))
            else:
                num_between += 1
        return spans, num_between


def _placed(spans: list[int], num_words: int, random: np.random.Generator) -> list[int]:
    """The span of each word, -1 for none; spans do not overlap, and spans that do not fit are dropped."""
    owner = [-1] * num_words
    for number, length in enumerate(sorted(spans, reverse=True)):
        for _ in range(_TRIES):
            start = int(random.integers(num_words - length + 1))
            if all(each < 0 for each in owner[start : start + length]):
                owner[start : start + length] = [number] * length
                break
    return owner


def _starts_word(piece: str) -> bool:
    """Whether a piece begins a word; in a script without spaces, any with a letter is one."""
    return piece.startswith(WORD_START) or (UNSPACED.match(piece) is not None and piece[0].isalpha())
