"""A tiny untrained parent, packs for it and a parent that they do not fit, as folders."""

from __future__ import annotations

import random
from pathlib import Path

import torch

import parents
from crosslate.models.parent import Parent
from crosslate.models.sizes import Size
from crosslate.packs.compose import pack_child
from crosslate.packs.manifest import ScoreRecord
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import Vocabulary
from crosslate.text.vocabulary_training import train_vocabulary

# The n-th words of all languages mean the same.
_TEXT = {
    "fr": "chien chat maison livre grand petit voit mange dort rouge une vert homme femme enfant",
    "en": "dog cat house book big small sees eats sleeps red one green man woman child",
    "de": "Hund Katze Haus Buch groß klein sieht isst schläft rot eine grün Mann Frau Kind",
    "es": "perro gato casa libro grande pequeño ve come duerme rojo una verde hombre mujer niño",
}
WORDS = {language: text.split() for language, text in _TEXT.items()}
SIZE = Size(layers=1, width=32, heads=2, feed_forward=48)
MAX_TOKENS = 32
RECORD = {
    "updates": 1200, "best_updates": 1000, "epochs": 3, "training_seconds": 61.5, "tokens_per_second": 4321,
    "finished": "reached the limit of epochs", "precision": "fp32", "settings": {"seed": 7},
    "parameters": {"share_stored": 0.249, "model_bytes": 2_500_000, "pack_bytes": 620_000},
}  # fmt: skip
DATA = {
    "train": {"origin": "train.de + train.en", "pairs": 14500, "sha256": "0" * 64},
    "valid": {"origin": "train.de + train.en", "pairs": 290, "sha256": "1" * 64, "held_out": True},
    "cleaning": {"total": 14600, "kept": 14500, "rules": {}},
}
SCORE = ScoreRecord(
    metric="bleu", value=31.25, signature="nrefs:1|case:mixed|tok:zh|version:2.6.0", test_set="val.de + val.en",
    interval=(30.0, 32.5),
)  # fmt: skip


def vocabulary(language: str) -> Vocabulary:
    chooser = random.Random(language)
    lines = [" ".join(chooser.choices(WORDS[language], k=chooser.randint(2, 6))) + "." for _ in range(200)]
    return train_vocabulary(lines, 80)


def build(root: Path) -> None:
    """Writes ``parents/fr-en``, ``parents/other`` and ``packs/de-en``, ``packs/fr-es`` under ``root``.

    Another seed makes the other parent. Some German words get the embeddings of French ones, see
    :func:`align`.
    """
    torch.set_num_threads(1)
    french, english = vocabulary("fr"), vocabulary("en")
    for name, seed in (("fr-en", 1), ("other", 2)):
        parent = Parent.create(french, english, "fr", "en", SIZE, max_positions=MAX_TOKENS, seed=seed)
        parent.save(root / "parents" / name)
        if name == "fr-en":
            first = parent
    german = parents.child(first, source=vocabulary("de"))
    pack = pack_child(german, training=RECORD, data=DATA, scores=(SCORE,), licence="CC0-1.0")
    align(pack, first)
    pack.save(root / "packs" / "de-en")
    spanish = parents.child(first, "tgt+xattn[k,v]", target=vocabulary("es"))
    pack_child(spanish).save(root / "packs" / "fr-es")


def align(pack: Pack, parent: Parent) -> None:
    """Hund lies where chien lies, Katze where chat; Haus, wrongly, where livre does."""
    table = pack.tensors["model.encoder.embed_tokens.weight"]
    known = parent.model.get_encoder().get_input_embeddings().weight
    rows = {piece: row for row, piece in enumerate(pack.vocabularies["source"].pieces)}
    parent_rows = {piece: row for row, piece in enumerate(parent.source.pieces)}
    for word, other in (("Hund", "chien"), ("Katze", "chat"), ("Haus", "livre")):
        table[rows["▁" + word]] = known[parent_rows["▁" + other]]
