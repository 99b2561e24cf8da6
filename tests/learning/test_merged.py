"""Parents of three families learn some sentences and then German ones, and what was learnt outlives merging.

Small models learn two dozen short sentences of the phrasebook by heart (under a minute for all on one core): enough
that every family's way of tying, scaling and framing has to be right. The bound tells what was learnt from noise.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import hub_folders
import plain_program
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.evaluation.scores import score_translations
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.phrasebook import Phrasebook
from crosslate.training.settings import TrainingSettings
from families import one_thread

WIDTH = {
    "marian": {"d_model": 64},
    "mbart": {"d_model": 64},
    "t5": {"d_model": 64, "d_kv": 32, "d_ff": 96},
}
SETTINGS = TrainingSettings(
    max_epochs=0, max_updates=160, fresh_learning_rate=5e-3, pretrained_learning_rate=3e-3, warmup_updates=20,
    schedule="cosine", patience=0, dropout=0.0, batch_tokens=2_048, validate_every_updates=160,
    label_smoothing=0.0,
)  # fmt: skip
DATA = DataSettings(source_vocabulary_size=150, target_vocabulary_size=150)
NUM_PAIRS = 24
# The limit of an output's length as it stands in the merged checkpoint.
OPTIONS = DecodingOptions(max_length_factor=100)


def short_pairs(source: str, target: str) -> ParallelCorpus:
    train, _, _ = Phrasebook(seed=1).corpora(source, target, train=600, valid=0, test=0)
    pairs = sorted(zip(train.source, train.target, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
    sources, targets = zip(*pairs[:NUM_PAIRS], strict=True)
    return ParallelCorpus(list(sources), list(targets), source, target, "short sentences")


def learnt_parent(name: str, folder: Path) -> Parent:
    """A parent in the family's layout that was trained on French and English."""
    layout = hub_folders.write(name, folder / "random", is_learnable=True, **WIDTH[name])
    blank = Parent.load(folder / "random", **layout.languages)
    pairs = short_pairs("fr", "en")
    new = NewLanguages(source="fr", strategy="embed+body")
    pack = adapt(blank, pairs, pairs, new=new, training=SETTINGS, data=DATA)
    blank.model = apply_packs(blank, [pack]).model
    blank.save(folder / "learnt")
    return Parent.load(folder / "learnt")


@pytest.mark.parametrize("name", ["marian", pytest.param("mbart", marks=pytest.mark.full), "t5"])
def test_a_merged_checkpoint_translates_what_was_learnt(name: str, tmp_path: Path):
    with one_thread():
        parent = learnt_parent(name, tmp_path)
        pairs = short_pairs("de", "en")
        # The whole body, so that every processor's rounding learns enough: 85 and more, whatever the seed.
        new = NewLanguages(source="de", strategy="src+body")
        pack = adapt(parent, pairs, pairs, new=new, training=SETTINGS, data=DATA)
        plain_program.merge(parent, [pack], tmp_path / "merged")
        engine = TorchEngine(apply_packs(parent, [pack]))
        expected = [best.text.strip() for (best,) in engine.translate(pairs.source, OPTIONS)]
        assert plain_program.run(tmp_path / "merged", pairs.source) == expected
    assert score_translations(expected, pairs, "chrf").value > 60
