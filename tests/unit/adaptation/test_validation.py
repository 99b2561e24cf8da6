"""Validation scores as the target language is written, and refuses references that nothing could match."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.adaptation import validation
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput
from crosslate.errors import CorpusError, InputError
from crosslate.packs.pack import Pack
from crosslate.text.corpora import ParallelCorpus
from crosslate.translation.confidence import Confidence, WordConfidence

REFERENCES = ["我们明天早上去学校。", "他住在河边的小房子里。"]
TRANSLATIONS = ["我们明天晚上去学校。", "他住在河边的大房子里。"]


@pytest.fixture
def validate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Validates fixed translations."""

    class Fixed:
        engine = SimpleNamespace(name="pytorch")

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def translate_lines(self, _: list[str]) -> list[str]:
            return TRANSLATIONS

    monkeypatch.setattr(validation, "Translator", Fixed)

    def run(language: str, metric: Any, references: list[str] = REFERENCES) -> validation.Validation:
        valid = ParallelCorpus(["x"] * len(references), references, "fr", language, "v.fr + v.zh")
        model = SimpleNamespace(model=torch.nn.Linear(1, 1), source=SimpleNamespace(is_text=True))
        return validation.make_validate(model, valid, metric)()  # type: ignore[arg-type]

    return run


@pytest.mark.parametrize(
    ("language", "metric", "signature"),
    [
        ("zh", "bleu", "|tok:zh|"),
        ("zho_Hans", "bleu", "|tok:zh|"),
        ("ja", "bleu", "|tok:char|"),
        ("zh", "chrf", "|nw:0|"),
        ("zh", "chrf++", "|nw:2|"),
    ],
)
def test_good_translations_without_spaces_score(validate: Any, language: str, metric: str, signature: str):
    found = validate(language, metric)
    assert found.metric == metric and 40 < found.score < 95 and signature in found.signature


def test_references_that_are_all_empty_are_refused_before_training(validate: Any):
    with pytest.raises(InputError, match=r"v\.fr \+ v\.zh: every reference is empty"):
        validate("zh", "bleu", ["", ""])


def test_the_pack_and_its_card_tell_the_tokenizer(tmp_path: Path):
    torch.set_num_threads(1)
    texts = [
        ParallelCorpus(text.source, [line.replace(" ", "") for line in text.target], "fr", "ja", "toy")
        for text in (toy_corpora.corpus("fr", "es"), toy_corpora.corpus("fr", "es", 12, seed=1))
    ]
    pack = adapt(
        toy_corpora.parent(), *texts, new=NewLanguages(target="ja"), training=toy_corpora.settings(max_epochs=1),
        data=DataSettings(target_vocabulary_size=80), output=PackOutput(folder=tmp_path / "fr-ja"),
    )  # fmt: skip
    assert "|tok:char|" in pack.manifest.scores[0].signature
    assert "tok:char" in (tmp_path / "fr-ja" / "README.md").read_text(encoding="utf-8")


def test_the_loss_is_that_of_training_on_the_pairs_that_fit():
    parent = toy_corpora.parent()
    valid = toy_corpora.corpus("fr", "en", 5)
    long = " ".join(valid.source)
    found = validation.make_validate(
        parent,
        ParallelCorpus([*valid.source, " ".join([long] * 100)], [*valid.target, "x"], "fr", "en", "v"),
        "loss",
        measure=lambda: {"lexicon": 3.0},
        label_smoothing=0.1,
    )()
    total = labels = 0.0
    for source, target in valid:
        ids = torch.tensor([parent.target.encode(target)])
        start = torch.tensor([[parent.model.config.decoder_start_token_id]])
        logits = parent.model(
            input_ids=torch.tensor([parent.source.encode(source)]),
            decoder_input_ids=torch.cat([start, ids[:, :-1]], dim=1),
        ).logits
        log = logits[0].log_softmax(-1)
        exact, spread = log.gather(1, ids.T).sum(), log.mean(1).sum()
        total += float(0.9 * exact + 0.1 * spread)
        labels += ids.shape[1]
    assert found.score == pytest.approx(total / labels, rel=1e-4)
    assert (found.metric, found.details) == ("negative loss", {"lexicon": 3.0})
    assert found.signature == "nats per target token, label smoothing 0.1"


def test_a_text_of_which_no_pair_fits_is_refused():
    valid = ParallelCorpus(["a b " * 2000], ["c"], "fr", "en", "v.fr + v.en")
    with pytest.raises(CorpusError, match=r"v\.fr \+ v\.en: all 1 pairs have more than \d+ tokens"):
        validation.make_validate(toy_corpora.parent(), valid, "loss")


def test_the_loss_selects_the_best_state_and_is_the_pack_s_score(tmp_path: Path):
    torch.set_num_threads(1)
    texts = toy_corpora.corpus("de", "en"), toy_corpora.corpus("de", "en", 12, seed=1)
    pack = adapt(
        toy_corpora.parent(), *texts, new=NewLanguages(source="de"), training=toy_corpora.settings(max_epochs=2),
        data=DataSettings(source_vocabulary_size=80, metric="loss"), output=PackOutput(folder=tmp_path / "de-en"),
    )  # fmt: skip
    losses = [entry["score"] for entry in pack.manifest.training["validations"]]
    (score,) = pack.manifest.scores
    assert score.metric == "negative loss"
    assert score.value == pytest.approx(max(losses), abs=0.05)
    assert score.value < 0


def test_a_pack_holds_the_calibration_of_what_it_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Measured at the end, on greedy translations of the model that the pack's rounded tensors make."""
    torch.set_num_threads(1)
    found = toy_corpora.corpus("de", "en", 70, seed=1)
    valid = ParallelCorpus([*found.source, "", "---", "x"], [*found.target, "", "---", " "], "de", "en", "v")
    models: list[Any] = []

    class Half:
        """Right about every second sentence, and surer of it."""

        engine = SimpleNamespace(name="pytorch")

        def translate_lines(self, lines: list[str]) -> list[str]:
            return [text if index % 2 else "dog " + text for index, text in enumerate(valid.target)]

        def translate(self, _: list[str]) -> list[str]:
            raise AssertionError("the translations of the last validation are there")

        def confidences(self, _: list[str], lines: list[str]) -> list[Confidence | None]:
            return [
                Confidence(0.8 if index % 2 else 0.5, None, False, (WordConfidence(0, 3, 0.7, None, False),))
                if any(map(str.isalnum, line))
                else None
                for index, line in enumerate(lines)
            ]

    def opened(model: Any, *_: Any) -> Half:
        models.append(model)
        return Half()

    monkeypatch.setattr(validation, "_greedy_translator", opened)
    adapt(
        toy_corpora.parent(), toy_corpora.corpus("de", "en"), valid, new=NewLanguages(source="de"),
        training=toy_corpora.settings(max_epochs=1), data=DataSettings(source_vocabulary_size=80),
        output=PackOutput(folder=tmp_path / "de-en"),
    )  # fmt: skip
    pack = Pack.load(tmp_path / "de-en")
    calibration = pack.manifest.calibration
    assert calibration is not None and calibration.sentences == 70
    assert calibration.sentence.expected(0.8) > 0.98 > 0.96 > calibration.sentence.expected(0.5)
    table = "model.encoder.embed_tokens.weight"
    assert torch.equal(models[-1].model.state_dict()[table], pack.tensors[table].float())


def test_little_text_gives_no_calibration():
    few = toy_corpora.corpus("fr", "en", 49)
    assert validation.measure_confidence(toy_corpora.parent(), few) is None
