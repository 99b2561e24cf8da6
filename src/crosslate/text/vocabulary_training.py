"""Training SentencePiece vocabularies on the text of one side, choosing their characters and size from it."""

from __future__ import annotations

import io
import logging
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from crosslate.errors import VocabularyError
from crosslate.languages.characters import WHITE_SPACE, Alphabet, reading_rules
from crosslate.text.protobuf import field, fields
from crosslate.text.vocabularies import SpecialIds, Vocabulary

log = logging.getLogger(__name__)

Kind = Literal["bpe", "unigram"]
MIN_OCCURRENCES = 100
MIN_DEFAULT_SIZE, MAX_DEFAULT_SIZE = 1_000, 32_000
MIN_SIZE = 64
_MAX_LINES = 1_000_000
_MAX_EXAMPLE = 200
_MAX_LINE_CHARACTERS = 16_000  # SentencePiece leaves out lines of more than max_sentence_length bytes
_SIZE_STEP = 500
_SIZE_SAMPLE_LINES = 500_000
_CANDIDATE_SIZES = (2_000, 4_000, 8_000, 16_000, MAX_DEFAULT_SIZE)
_NUM_BYTES = 256
_NORMALIZER, _RULES_FILE = 3, 6  # fields of a SentencePiece model, and of its normalizer


def train_vocabulary(
    lines: Iterable[str],
    size: int | None = None,
    *,
    kind: Kind = "bpe",
    special: SpecialIds | None = None,
    control: Sequence[str] = (),
    tags: Sequence[str] = (),
    report: Callable[[RareCharacters], None] | None = None,
) -> Vocabulary:
    """Trains a SentencePiece vocabulary on one side's text, at most a million lines spread evenly over it.

    Text is not normalised, so a model writes what it learnt. Text of the characters learnt comes back from
    its ids as it was, except for white space: spaces at the ends are removed, several in a row become one,
    and tabs, line breaks and U+2581 are spaces. Up to 1,000 different characters get a piece each. Of more,
    the rarest (:meth:`crosslate.languages.characters.Alphabet.frequent`) are spelt in bytes, and so is then
    every character that the text lacks. Otherwise, a character that the text lacks is read as its
    compatibility form where that is known (:func:`crosslate.languages.characters.reading_rules`), else it is
    unknown.

    Args:
        size: number of pieces, special ones included; None chooses :func:`default_size`.
        kind: byte-pair encoding or unigram language model.
        special: the special ids wanted; those that do not fit below ``size`` move (see SpecialIds.fitted).
        control: pieces that no text leads to (codes of languages); they count among ``size``.
        tags: text that is a piece of its own wherever it occurs; they count among ``size``.
        report: is told of characters that are spelt in bytes, if there are any.

    Raises:
        VocabularyError: no text, a size too small for the text's characters (the message says the smallest
            possible), or more pieces asked for than the text yields (it says how many it yields).
    """
    special = special or SpecialIds()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        counts: Counter[str] = Counter()
        num_lines = 0
        with text.open("w", encoding="utf-8", newline="\n") as file:
            for line in _cut(lines):
                file.write(line + "\n")
                counts.update(line)
                num_lines += 1
        for character in " " + WHITE_SPACE:
            del counts[character]
        if not counts:
            raise VocabularyError("cannot learn a vocabulary: the text is empty")
        alphabet = _alphabet(counts, size, len(special.as_values()) + len(control) + len(tags))
        if (rare := _rare_characters(alphabet, counts, text)) is not None:
            log.info("%s", rare)
            if report is not None:
                report(rare)
        learner = Learner.of(alphabet, kind, Path(folder))
        is_given = size is not None
        if size is None:
            sample = list(_thinned(_lines(text), num_lines, _SIZE_SAMPLE_LINES))
            size = default_size(sample, num_lines, learner)
            log.info("vocabulary size chosen: %d pieces", size)
        # SentencePiece itself would take the first ones, which may be all of one kind.
        learnt = _thinned(_lines(text), num_lines, _MAX_LINES)
        special = special.fitted(size)
        model = learner.model(learnt, size, special, is_exact=is_given, control=control, tags=tags)
        return Vocabulary(model)


def _cut(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        stripped = line.replace("\n", " ").strip()
        for start in range(0, len(stripped), _MAX_LINE_CHARACTERS):
            yield stripped[start : start + _MAX_LINE_CHARACTERS]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def _alphabet(counts: Counter[str], size: int | None, num_other: int) -> Alphabet:
    """The best alphabet that ``size`` pieces hold.

    Args:
        size: None holds any.
        num_other: special and control pieces.
    """
    candidates = Alphabet.candidates(counts)
    needed = [max(MIN_SIZE, num_other + _num_pieces(each)) for each in candidates]
    for alphabet, smallest in zip(candidates, needed):
        if size is None or size >= smallest:
            return alphabet
    raise VocabularyError(
        f"a vocabulary of {size} pieces is too small for a text of {len(counts)} different characters; "
        f"give at least {min(needed)}, or no size"
    )


def _num_pieces(alphabet: Alphabet) -> int:
    """Pieces that the characters need: one for each, the mark of a space, and bytes for the rare ones."""
    return len(alphabet.common) + 1 + (_NUM_BYTES if alphabet.rare else 0)


@dataclass(frozen=True)
class RareCharacters:
    """The characters of a text that have no piece of their own and are spelt in bytes.

    Attributes:
        characters: how many different ones, of ``different`` in the text.
        occurrences: of these, in a text of ``total`` characters.
        example: a line with one.
    """

    characters: int
    different: int
    occurrences: int
    total: int
    example: str

    def __str__(self) -> str:
        return (
            f"{self.characters} of {self.different} characters are too rare for a piece of their own and are "
            f"spelt in bytes ({self.occurrences} occurrences, {100 * self.occurrences / self.total:.3f}% of "
            f"the text); for example in: {self.example}"
        )


def _rare_characters(alphabet: Alphabet, counts: Counter[str], text: Path) -> RareCharacters | None:
    if not alphabet.rare:
        return None
    occurrences = sum(counts[each] for each in alphabet.rare)
    example = next(line for line in _lines(text) if not alphabet.rare.isdisjoint(line))[:_MAX_EXAMPLE]
    return RareCharacters(len(alphabet.rare), len(counts), occurrences, counts.total(), example)


def default_size(sample: Sequence[str], num_lines: int, learner: Learner) -> int:
    """The largest vocabulary size whose pieces nearly all occur at least 100 times in the text.

    Source: Gowda & May 2020, "Finding the Optimal Vocabulary Size for Neural Machine Translation": as many
    types as leave at least 95 % of them with 100 or more training examples. Single characters are not
    counted (rare ones are in every text), sizes go in steps of 500, and never below 1,000 or below what the
    characters need: on tens of thousands of short sentences the rule would ask for hundreds of pieces, and
    twice the tokens.

    Args:
        sample: an even sample of the text's lines, of which there are ``num_lines``, or all of them.
    """
    enough = MIN_OCCURRENCES * (len(sample) / num_lines)

    def is_too_rare(size: int) -> bool:
        model = learner.model(sample, size, SpecialIds(), is_exact=False)
        return _share_frequent(model, sample, enough) < 0.95

    needed = _num_pieces(learner.alphabet) + len(SpecialIds().as_values())
    smallest = max(MIN_DEFAULT_SIZE, -(-needed // _SIZE_STEP) * _SIZE_STEP)
    for smaller, larger in pairwise([smallest, *(size for size in _CANDIDATE_SIZES if size > smallest)]):
        if is_too_rare(larger):
            sizes = range(smaller, larger, _SIZE_STEP)
            return sizes[bisect_left(sizes, True, lo=1, key=is_too_rare) - 1]
    return max(smallest, MAX_DEFAULT_SIZE)


def _thinned(lines: Iterable[str], num_lines: int, num_wanted: int) -> Iterator[str]:
    """``num_wanted`` of ``num_lines`` lines, evenly spaced; all of them if there are no more."""
    for row, line in enumerate(lines):
        if row * num_wanted // num_lines != (row - 1) * num_wanted // num_lines or num_wanted >= num_lines:
            yield line


def _share_frequent(model: bytes, sample: Sequence[str], enough: float) -> float:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counts = Counter(index for ids in processor.EncodeAsIds(list(sample)) for index in ids)
    ordinary = [
        index
        for index in range(processor.GetPieceSize())
        if not (processor.IsControl(index) or processor.IsUnknown(index) or processor.IsByte(index))
        and len(processor.IdToPiece(index).lstrip("▁")) > 1
    ]
    return sum(counts[index] >= enough for index in ordinary) / max(1, len(ordinary))


@dataclass(frozen=True)
class Learner:
    """Makes SentencePiece models of one kind for a text's alphabet.

    Attributes:
        rules: a file of SentencePiece's normalization rules: the code points of a text, and those of another
            that is read in its place.
    """

    alphabet: Alphabet
    kind: Kind
    rules: Path

    @classmethod
    def of(cls, alphabet: Alphabet, kind: Kind, folder: Path) -> Learner:
        """Writes the rules of an alphabet into ``folder``."""
        # With bytes every character can be read as it is.
        rules = dict.fromkeys(WHITE_SPACE, " ") if alphabet.rare else reading_rules(alphabet.common)
        path = folder / "rules.tsv"
        lines = (f"{_code_points(text)}\t{_code_points(read_as)}\n" for text, read_as in rules.items())
        path.write_text("".join(lines), encoding="ascii")
        return cls(alphabet, kind, path)

    def model(
        self,
        lines: Iterable[str],
        size: int,
        special: SpecialIds,
        *,
        is_exact: bool,
        control: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> bytes:
        """A model of the alphabet and what is most useful of the lines.

        Args:
            is_exact: refuse a size that the lines do not yield, instead of making a smaller model.

        Raises:
            VocabularyError: SentencePiece refuses the size.
        """
        import sentencepiece

        # SentencePiece knows a share of characters to leave out, not a set of them: they become spaces.
        without_rare = str.maketrans(dict.fromkeys(self.alphabet.rare, " "))
        written = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.Train(
                # Not the file's name: it would stand in the model, and no two models would be the same bytes.
                sentence_iterator=(line.translate(without_rare) for line in lines),
                model_writer=written,
                vocab_size=size,
                model_type=self.kind,
                character_coverage=1.0,
                # Those of lines that are left out, too.
                required_chars="".join(sorted(self.alphabet.common)),
                byte_fallback=bool(self.alphabet.rare),
                normalization_rule_tsv=str(self.rules),
                eos_id=special.eos,
                unk_id=special.unk,
                pad_id=special.pad,
                bos_id=-1 if special.bos is None else special.bos,
                eos_piece="</s>",
                unk_piece="<unk>",
                pad_piece="<pad>",
                control_symbols=list(control),
                user_defined_symbols=list(tags),
                input_sentence_size=2_000_000,  # never reached; the number becomes part of the model's bytes
                shuffle_input_sentence=False,
                max_sentence_length=65_536,
                num_threads=1,  # the result must not depend on the machine
                hard_vocab_limit=is_exact,
                minloglevel=2,
            )
        except RuntimeError as error:
            # Its own message ends with what to do, after a source location that helps nobody.
            detail = str(error).rsplit("]", 1)[-1].strip() or str(error)
            raise VocabularyError(
                f"cannot learn a vocabulary of {size} pieces: {detail} Give a smaller size or more text."
            ) from None
        return _without_file_name(written.getvalue())


def _code_points(text: str) -> str:
    return " ".join(f"{ord(each):X}" for each in text)


def _without_file_name(model: bytes) -> bytes:
    """A model without the name of the file of rules, which differs from run to run; the rules are in it."""
    kept = []
    for number, value, raw in fields(model):
        if number == _NORMALIZER:
            inner = b"".join(each for inner_number, _, each in fields(value) if inner_number != _RULES_FILE)
            raw = field(_NORMALIZER, inner)
        kept.append(raw)
    return b"".join(kept)
