"""Translate text into synthetic pairs: back-translation, sequence-level distillation, and pivoting.

Source: back-translation: Sennrich, Haddow & Birch 2016; distillation: Kim & Rush 2016; pseudo-parallel text
by pivoting: Firat et al. 2016, https://arxiv.org/abs/1606.04164.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import InputError, UsageError
from crosslate.evaluation.scores import sentence_chrf
from crosslate.files import atomic_file, sha256_text, write_text
from crosslate.languages.codes import contradicts, is_same_language, language_code
from crosslate.text.cleaning import CleaningReport, CleaningSettings, RuleCount, broken_rule
from crosslate.text.streams import check_is_file, read_lines
from crosslate.text.synthetic import MARK, write_record
from crosslate.translation.chain import Chain, Leg, check_chain, check_read_text
from crosslate.translation.shards import Shard, Shards, report

if TYPE_CHECKING:
    from crosslate.packs.stored_model import StoredModel
    from crosslate.translation.translator import EngineName, Translator

log = logging.getLogger(__name__)

ENDING = ".jsonl"
_DROPPED = "dropped"
_ROUND_TRIP = "round trip"


class BackTranslationSettings(Settings):
    """Which side the text is of, and which pairs are dropped."""

    side: Literal["target", "source"] = Field(
        "target",
        description="Side of the new pair that the text is of. target: its translations become sources "
        "(back-translation); source: they become targets (distillation).",
    )
    cleaning: CleaningSettings = Field(
        default_factory=CleaningSettings,
        description="Cleaning rules for single pairs; duplicates are left to the training.",
    )
    # Of unrelated sentences of one language, 95 in 100 score lower (docs/log.md).
    min_round_trip: float = Field(
        20.0,
        ge=0,
        le=100,
        description="Drop pairs whose text and its translation back have a lower chrF (0-100); only with a "
        "model that translates back.",
    )
    shard_lines: int = Field(1_000, ge=1, description="Lines of a shard: what a stopped run may lose.")


@dataclass(frozen=True)
class Beside:
    """Text that people wrote beside the text to translate: line by line, its translation into a third one.

    Attributes:
        files: one sentence per line; their lines follow each other.
    """

    language: str
    files: Sequence[str | Path]

    def lines(self) -> Iterator[str]:
        """All lines."""
        return chain.from_iterable(map(read_lines, self.files))

    def check_length(self, num_lines: int) -> None:
        """Checks that there are as many lines as the text has.

        Raises:
            InputError: there are more or fewer.
        """
        if (found := sum(1 for _ in self.lines())) != num_lines:
            raise InputError(
                f"the text beside the input has {found} lines, expected {num_lines}, one for "
                "each of the input"
            )


def back_translate(
    model: StoredModel,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    through: Sequence[StoredModel] = (),
    beside: Beside | None = None,
    back: StoredModel | None = None,
    engine: EngineName = "auto",
    quantization: str = "float32",
    options: DecodingOptions | None = None,
    settings: BackTranslationSettings | None = None,
) -> CleaningReport:
    """Translates text into a JSONL file of pairs; the same call goes on where it was stopped.

    Each line holds both texts by language, the source of the new pair first, and under ``synthetic`` the
    language of the translation; with ``back`` also the score of the round trip. The record beside the file
    says how it was made.

    Args:
        model: translates the text; its source language is the text's.
        inputs: files of one sentence per line, compressed or not; their lines follow each other.
        output: file for the pairs; beside it lies the state until it is done.
        through: models that translate the translation further, in this order.
        beside: text in a third language that the pairs hold instead of the text that was translated; cleaning
            rules apply to both.
        back: translates translations back, to drop those that lost their text.

    Returns:
        Counts of all lines: pairs written, and dropped by each rule with an example.

    Raises:
        InputError: an input cannot be read, the output exists, no pair is left, or the stopped run was about
            something else.
        UsageError: the output's name has another ending, ``through`` or ``back`` translate other languages,
            or a model reads recordings or images.
        EngineError: an engine cannot express its model.
    """
    output, options = Path(output).resolve(), options or DecodingOptions()
    settings = settings or BackTranslationSettings()
    legs = [model, *through]
    human = language_code(beside.language) if beside else model.source_language
    if output.suffix != ENDING:
        raise UsageError(f"the output is {output.name}, expected a name that ends in {ENDING}")
    check_languages(legs, human, back)
    if beside:
        for path in (*inputs, *beside.files):
            check_is_file(path)
        beside.check_length(sum(1 for _ in chain.from_iterable(map(read_lines, inputs))))
    pinned = {
        "translator": model.key(),
        "through": [each.key() for each in through],
        "beside": beside and [human, sha256_text("\n".join(map(sha256_text, beside.lines())))],
        "round_trip": back and back.key(),
        "engine": engine,
        "quantization": quantization,
        **options.to_values(),
        **settings.to_values(),
    }
    shards = Shards(output, inputs, pinned, settings.shard_lines)
    if missing := shards.missing():
        from crosslate.translation.translator import Translator

        def opened(stored: StoredModel) -> Translator:
            return Translator.of_stored(stored, engine=engine, quantization=quantization, options=options)

        there, again = Chain([opened(each) for each in legs]), opened(back) if back else None
        report((_translated(shard, there, again, settings) for shard in missing), missing)
    counts = CleaningReport()
    if back:
        counts.rules[_ROUND_TRIP] = RuleCount()
    with atomic_file(output) as temporary:
        with temporary.open("wb") as file:
            others = beside.lines() if beside else None
            for data in shards.results():
                lines = data.splitlines(keepends=True)
                if others is not None:
                    lines = [_beside(line, next(others), human, settings) for line in lines]
                file.writelines(_kept(lines, counts))
        for line in counts.lines():
            log.info("%s", line)
        if not counts.kept:
            raise InputError(f"no pair is left of {counts.total} lines: {'; '.join(counts.lines()[1:])}")
        files = [Path(path).name for path in inputs]
        described = {
            "text": {"files": files, "lines": shards.num_lines, "sha256": shards.input_hash},
            "translator": _described(model),
            **({"through": [_described(each) for each in through]} if through else {}),
            **({"beside": [Path(path).name for path in beside.files]} if beside else {}),
            **({"round_trip": _described(back)} if back else {}),
            "decoding": options.to_values() | {"quantization": quantization},
            "settings": settings.to_values(),
            "cleaning": counts.as_values(),
        }
        write_record(output, temporary, human, described)
    shards.remove()
    return counts


def check_languages(legs: Sequence[Leg], human: str, back: Leg | None = None) -> None:
    """Checks that models in a row make pairs of a text, before any work.

    Args:
        human: language of the text that the pairs hold.
        back: the model of the round trip.

    Raises:
        UsageError: they do not follow each other, end in the language of the text, or read recordings or
            images; or ``back`` translates something else.
    """
    source, target = legs[0].source_language, legs[-1].target_language
    name = " + ".join(each.name for each in legs)
    check_read_text([legs[0], *([back] if back else [])])
    check_chain(legs)
    if any(is_same_language(each, target) for each in (human, source)):
        raise UsageError(f"{name} translates to {target}, the language of the text; expected two languages")
    if back and any(map(contradicts, (back.source_language, back.target_language), (target, source))):
        raise UsageError(
            f"{back.name} translates {back.source_language} to {back.target_language}, expected {target} to "
            f"{source}: the round trip goes back from what {name} translates to"
        )


def _described(model: StoredModel) -> dict[str, Any]:
    languages = [model.source_language, model.target_language]
    return {"name": model.name, "key": model.key(), "languages": languages}


def _translated(
    shard: Shard, translator: Chain, back: Translator | None, settings: BackTranslationSettings
) -> Shard:
    """Writes a line for each line of a shard: its pair, and the rule that drops it if one does."""
    with shard.source.open(encoding="utf-8", newline="\n") as file:
        texts = [line[:-1] for line in file]
    translations = translator.translate_lines(texts)
    rules = [
        broken_rule(one.strip(), other.strip(), settings.cleaning)
        for one, other in zip(texts, translations, strict=True)
    ]
    scores = _round_trip(texts, translations, rules, back) if back else {}
    language, made_in = translator.source_language, translator.target_language
    lines: list[str] = []
    for row, (text, translation, rule) in enumerate(zip(texts, translations, rules, strict=True)):
        line = _pair(language, text, made_in, translation, settings)
        if (score := scores.get(row)) is not None:
            line["round_trip"] = round(score, 2)
            rule = _ROUND_TRIP if score < settings.min_round_trip else None
        lines.append(json.dumps(line | ({_DROPPED: rule} if rule else {}), ensure_ascii=False) + "\n")
    write_text(shard.target, "".join(lines))
    return shard


def _round_trip(
    texts: Sequence[str], translations: Sequence[str], rules: Sequence[str | None], back: Translator
) -> dict[int, float]:
    """chrF (0-100) of the texts with their translations back, by row; of pairs that no rule has dropped."""
    rows = [row for row, rule in enumerate(rules) if rule is None]
    returned = list(back.translate_lines(translations[row] for row in rows))
    return dict(zip(rows, sentence_chrf(returned, [texts[row] for row in rows]), strict=True))


def _beside(data: bytes, text: str, language: str, settings: BackTranslationSettings) -> bytes:
    """A line of a shard's results with the text beside it in place of the text that was translated."""
    line = json.loads(data)
    made_in = line[MARK]
    translation = line.pop(made_in)
    rule = line.get(_DROPPED) or broken_rule(text.strip(), translation.strip(), settings.cleaning)
    pair = _pair(language, text, made_in, translation, settings)
    scores = {key: line[key] for key in ("round_trip",) if key in line}
    dropped = {_DROPPED: rule} if rule else {}
    return (json.dumps(pair | scores | dropped, ensure_ascii=False) + "\n").encode()


def _pair(
    language: str, text: str, made_in: str, translation: str, settings: BackTranslationSettings
) -> dict[str, Any]:
    """Both texts by language, the source of the new pair first, and the language of the translation."""
    if settings.side == "target":
        return {made_in: translation, language: text, MARK: made_in}
    return {language: text, made_in: translation, MARK: made_in}


def _kept(lines: Iterable[bytes], counts: CleaningReport) -> Iterator[bytes]:
    """The lines of a shard's results that no rule has dropped; counts all of them."""
    for line in lines:
        counts.total += 1
        values = json.loads(line)
        if (rule := values.get(_DROPPED)) is None:
            counts.kept += 1
            yield line
        else:
            source, target = list(values.values())[:2]
            counts.count(rule, counts.total, source, target)
