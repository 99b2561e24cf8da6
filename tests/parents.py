"""Tiny parents of every family with real SentencePiece vocabularies, for tests of children and packs."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from typing import Any

import torch

import families
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.child import Child, make_child
from crosslate.models.groups import SIDES, Side
from crosslate.models.parent import Parent
from crosslate.models.strategies import parse_strategy
from crosslate.models.tensors import named_tensors
from crosslate.models.vocabularies.new_language import NewSide
from crosslate.text.vocabularies import SpecialIds, Vocabulary

TEXT = [
    "der Hund sieht die Katze und den Vogel im Garten",
    "die Frau kauft heute ein neues Buch und liest es",
    "ein Vogel singt, der Hund bellt und die Katze rennt",
    "wir gehen morgen mit den Kindern in den Wald",
]
SPECIAL = SpecialIds(eos=2, unk=3, pad=0, bos=1)
"""What the registry's models use (``families.SPECIAL_IDS``); T5 differs, see :func:`special_of`."""


def sentencepiece_model(lines: Iterable[str], size: int, kind: str = "bpe", **options: Any) -> bytes:
    """A model of ``lines`` by SentencePiece's own trainer, with its default ids unless options say others."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=size, model_type=kind, num_threads=1,
        minloglevel=2, **options,
    )  # fmt: skip
    return model.getvalue()


@functools.cache
def vocabulary(size: int, special: SpecialIds = SPECIAL) -> Vocabulary:
    """A SentencePiece vocabulary of exactly ``size`` pieces (40 or more) whose ids are its own."""
    bos = -1 if special.bos is None else special.bos
    ids = {"eos_id": special.eos, "unk_id": special.unk, "pad_id": special.pad, "bos_id": bos}
    return Vocabulary(sentencepiece_model(TEXT, size, **ids, pad_piece="<pad>"))


def special_of(model: Any) -> SpecialIds:
    """The special ids that a model of the registry was configured with; the lowest free id is unknown."""
    config = getattr(model.config, "decoder", None)
    config = config if hasattr(config, "eos_token_id") else model.config
    pad, eos, bos = config.pad_token_id, config.eos_token_id, getattr(config, "bos_token_id", None)
    unk = min(set(range(5)) - {pad, eos, bos})
    return SpecialIds(eos=eos, unk=unk, pad=pad, bos=bos)


def parent(family: str = "marian-separate", **changes: Any) -> Parent:
    """A parent from French to English; no tensor of it has one value only, so that every change shows."""
    model = families.build(family, **changes)
    anatomy = Anatomy.of(model)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for name, tensor in named_tensors(model):
            if name not in anatomy.constant and tensor.numel() and (tensor == tensor.flatten()[0]).all():
                tensor += 0.1 * torch.randn_like(tensor)
    special = special_of(model)
    rows = dict.fromkeys(("source", "target"), 0)
    tensors = dict(named_tensors(model))
    for name, (side, axis) in anatomy.vocabulary.items():
        rows[side] = tensors[name].shape[axis]
    source = vocabulary(max(40, rows["source"]), special)
    target = vocabulary(max(40, rows["target"]), special)
    if rows["target"] < len(target):  # a table too small for a vocabulary of its own
        target = Vocabulary(target.model, target.pieces[: rows["target"]], special)
    return Parent(model, source, target, "fr", "en", name=f"parents/{family}")


@functools.cache
def shared(family: str = "marian-separate") -> Parent:
    """The same parent for all tests that only make children of it."""
    return parent(family)


def child(
    parent: Parent,
    strategy: str = "src+xattn",
    *,
    source: Any = None,
    target: Any = None,
    codes: tuple[str, str] = ("de", "es"),
    **options: Any,
) -> Child:
    """A child with new sides, not trained; see :func:`shake`.

    Args:
        source: a new source vocabulary, its size, or a :class:`NewSide`.
        target: likewise.
        codes: languages of new sides that are given by a vocabulary.
        options: of :func:`make_child`.
    """
    new: dict[Side, NewSide] = {}
    for side, language, given in zip(SIDES, codes, (source, target)):
        if isinstance(given, int):
            given = vocabulary(given, (parent.source if side == "source" else parent.target).special)
        if given is not None:
            new[side] = given if isinstance(given, NewSide) else NewSide(language, given)
    return make_child(parent, parse_strategy(strategy), new, **options)


def sizes(strategy: str) -> dict[Side, int]:
    """43 source and 45 target pieces, as far as a strategy renews these sides; for ``scratch`` both."""
    renews = parse_strategy(strategy).renews
    return {side: size for side, size in zip(SIDES, (43, 45)) if renews is None or side in renews}


def sized_child(parent: Parent, strategy: str, *, special: SpecialIds | None = None, seed: int = 1) -> Child:
    """A child whose new sides have the sizes of :func:`sizes`."""
    special = special or parent.source.special
    new = {side: vocabulary(size, special) for side, size in sizes(strategy).items()}
    return child(parent, strategy, **new, seed=seed)


def shake(child: Child, seed: int = 0) -> Child:
    """Moves everything that is trained, as training would."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for tensor in trained(child).values():
            tensor += 0.1 * torch.randn_like(tensor)
    child.model.eval()
    return child


def trained(child: Child) -> dict[str, torch.nn.Parameter]:
    """All that is trained, by name."""
    return {name: each for group in child.trained.values() for name, each in group.items()}


def batch(source: Vocabulary, target: Vocabulary, seed: int = 0, length: int = 6) -> dict[str, torch.Tensor]:
    """Two sentences of random ids, the second shorter; keyword arguments of a model's forward."""
    generator = torch.Generator().manual_seed(seed)

    def rows(vocabulary: Vocabulary, length: int) -> torch.Tensor:
        special = vocabulary.special
        ordinary = [i for i in range(len(vocabulary)) if i not in vars(special).values()]
        return torch.tensor(ordinary)[torch.randint(len(ordinary), (2, length), generator=generator)]

    source_ids = rows(source, length)
    source_ids[0, -1] = source_ids[1, -3] = source.special.eos
    source_ids[1, -2:] = source.special.pad
    mask = torch.ones_like(source_ids)
    mask[1, -2:] = 0
    return {
        "input_ids": source_ids,
        "attention_mask": mask,
        "decoder_input_ids": rows(target, length - 1),
    }


@torch.no_grad()
def logits(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """(batch, tgt_len, target vocabulary) logits."""
    model.eval()
    found: torch.Tensor = model(**inputs, use_cache=False).logits
    return found


def is_padding_unseen(child: Child) -> bool:
    """Whether the shorter sentence of a batch gets the same logits alone, without its padding."""
    inputs = batch(child.source, child.target)
    alone = {name: rows[1:] for name, rows in inputs.items()}
    alone |= {name: alone[name][:, :-2] for name in ("input_ids", "attention_mask")}
    return torch.allclose(logits(child.model, alone), logits(child.model, inputs)[1:], atol=1e-4)
