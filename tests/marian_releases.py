"""Models laid out as Marian releases them, and what Marian computes with them, in plain NumPy.

Nothing here knows of PyTorch or of Crosslate's models: the forward pass reads Marian's names and options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import parents
from crosslate.models.marian_files import MarianModel

WIDTH, HEADS, FEED_FORWARD, ENCODER_LAYERS, DECODER_LAYERS = 16, 4, 24, 2, 3
TYINGS: dict[str, dict[str, bool]] = {
    "all": {"tied-embeddings-all": True},
    "target and output": {"tied-embeddings": True},
    "source and target": {"tied-embeddings-src": True},
    "source, target and output": {"tied-embeddings-src": True, "tied-embeddings": True},
    "none": {},
}


def sentencepiece_model(size: int = 60) -> bytes:
    """A model as Marian trains it: the end of sentence is 0, the unknown piece 1, and there is no padding."""
    ids = {"eos_id": 0, "unk_id": 1, "bos_id": -1, "pad_id": -1}
    return parents.sentencepiece_model(parents.TEXT, size, "unigram", **ids, hard_vocab_limit=False)


def options(
    *, cell: str = "rnn", is_pre_norm: bool = False, tying: str = "all", **changes: Any
) -> dict[str, Any]:
    """Options of a model as Marian writes them into it."""
    return {
        "type": "transformer", "dim-emb": WIDTH, "dim-vocabs": [60, 60], "enc-depth": ENCODER_LAYERS,
        "dec-depth": DECODER_LAYERS, "dec-cell": "ssru", "transformer-heads": HEADS,
        "transformer-dim-ffn": FEED_FORWARD, "transformer-decoder-dim-ffn": FEED_FORWARD + 4,
        "transformer-ffn-activation": "relu", "transformer-decoder-autoreg": cell,
        "transformer-preprocess": "n" if is_pre_norm else "", "transformer-postprocess": "da" if is_pre_norm else "dan",
        "transformer-postprocess-top": "n" if is_pre_norm else "", "transformer-postprocess-emb": "d",
        "transformer-guided-alignment-layer": "last", "version": "v1.12.43 c9f287db", "input-types": [],
        **{f"tied-embeddings{which}": False for which in ("", "-all", "-src")}, **TYINGS[tying], **changes,
    }  # fmt: skip


def random_model(options: dict[str, Any], num_source: int, num_target: int, seed: int = 0) -> MarianModel:
    """Random tensors under Marian's names."""
    generator = np.random.default_rng(seed)
    tensors: dict[str, Any] = {}
    is_pre, has_top = options["transformer-preprocess"] == "n", options["transformer-postprocess-top"] == "n"
    suffix = "_pre" if is_pre else ""

    def matrix(name: str, *shape: int, scale: float = 0.4) -> None:
        tensors[name] = (scale * generator.normal(size=shape)).astype(np.float32)

    def norm(name: str, suffix: str = suffix) -> None:
        matrix(f"{name}_ln_scale{suffix}", 1, WIDTH, scale=0.2)
        tensors[f"{name}_ln_scale{suffix}"] += 1
        matrix(f"{name}_ln_bias{suffix}", 1, WIDTH, scale=0.2)

    def attention(name: str) -> None:
        for role in "qkvo":
            matrix(f"{name}_W{role}", WIDTH, WIDTH)
            matrix(f"{name}_b{role}", 1, WIDTH)
        norm(f"{name}_Wo")

    for side, depth, inner in (
        ("encoder", options["enc-depth"], options["transformer-dim-ffn"]),
        ("decoder", options["dec-depth"], options["transformer-decoder-dim-ffn"]),
    ):
        for layer in (f"{side}_l{number}" for number in range(1, depth + 1)):
            if side == "decoder" and options["transformer-decoder-autoreg"] == "rnn":
                matrix(f"{layer}_rnn_W", WIDTH, WIDTH)
                matrix(f"{layer}_rnn_Wf", WIDTH, WIDTH)
                matrix(f"{layer}_rnn_bf", 1, WIDTH)
                norm(f"{layer}_rnn" if is_pre else f"{layer}_rnn_ffn")
            else:
                attention(f"{layer}_self")
            if side == "decoder":
                attention(f"{layer}_context")
            matrix(f"{layer}_ffn_W1", WIDTH, inner)
            matrix(f"{layer}_ffn_b1", 1, inner)
            matrix(f"{layer}_ffn_W2", inner, WIDTH)
            matrix(f"{layer}_ffn_b2", 1, WIDTH)
            norm(f"{layer}_ffn_ffn")
        if has_top:
            norm(f"{side}_top", "")
    if options["tied-embeddings-all"] or options["tied-embeddings-src"]:
        matrix("Wemb", num_source, WIDTH)
    else:
        matrix("encoder_Wemb", num_source, WIDTH)
        matrix("decoder_Wemb", num_target, WIDTH)
    if not (options["tied-embeddings-all"] or options["tied-embeddings"]):
        matrix("decoder_ff_logit_out_Wt", num_target, WIDTH)
    matrix("decoder_ff_logit_out_b", 1, num_target)
    return MarianModel(tensors, options)


def write(folder: Path, *, ending: str = "npz", seed: int = 0, **changes: Any) -> Path:
    """A release in a folder: ``model.pten.npz``, ``vocab.pten.spm`` and ``decoder.yml``; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = sentencepiece_model()
    (folder / "vocab.pten.spm").write_bytes(vocabulary)
    size = num_pieces(vocabulary)
    model = random_model(options(**changes), size, size, seed)
    getattr(model, f"write_{ending}")(folder / f"model.pten.{ending}")
    (folder / "decoder.yml").write_text(
        f"relative-paths: true\nmodels:\n  - model.pten.{ending}\nvocabs: [vocab.pten.spm, vocab.pten.spm]\nbeam-size: 6\n"
    )
    return folder


def num_pieces(model: bytes) -> int:
    import sentencepiece

    return int(sentencepiece.SentencePieceProcessor(model_proto=model).GetPieceSize())


def logits(model: MarianModel, source: list[int], previous: list[int]) -> Any:
    """What Marian computes for one sentence, in double precision: ``(1 + len(previous), pieces)``.

    Args:
        source: ids with the end of sentence.
        previous: the target's first words; the decoder's first input stands before them.
    """
    return _Pass(model).logits(source, previous)


class _Pass:
    def __init__(self, model: MarianModel) -> None:
        self.tensors = {name: array.astype(np.float64) for name, array in model.tensors.items()}
        self.options = model.configuration
        self.is_pre = self.options["transformer-preprocess"] == "n"

    def logits(self, source: list[int], previous: list[int]) -> Any:
        tables = self.tensors
        encoder, decoder = (tables.get(f"{side}_Wemb", tables.get("Wemb")) for side in ("encoder", "decoder"))
        states = self.positioned(encoder[source])
        for number in range(1, self.options["enc-depth"] + 1):
            name = f"encoder_l{number}"
            states = self.around(f"{name}_self_Wo", states, lambda x, n=name: self.attend(f"{n}_self", x, x))
            states = self.around(
                f"{name}_ffn_ffn", states, lambda x, n=name: self.feed_forward(f"{n}_ffn", x)
            )
        memory = self.top("encoder", states)
        states = self.positioned(np.concatenate([np.zeros((1, WIDTH)), decoder[previous]]))
        for number in range(1, self.options["dec-depth"] + 1):
            name = f"decoder_l{number}"
            if self.options["transformer-decoder-autoreg"] == "rnn":
                norm = f"{name}_rnn" if self.is_pre else f"{name}_rnn_ffn"
                states = self.around(norm, states, lambda x, n=name: self.recur(f"{n}_rnn", x))
            else:
                states = self.around(
                    f"{name}_self_Wo",
                    states,
                    lambda x, n=name: self.attend(f"{n}_self", x, x, is_causal=True),
                )
            states = self.around(
                f"{name}_context_Wo", states, lambda x, n=name: self.attend(f"{n}_context", x, memory)
            )
            states = self.around(
                f"{name}_ffn_ffn", states, lambda x, n=name: self.feed_forward(f"{n}_ffn", x)
            )
        states = self.top("decoder", states)
        is_tied = self.options["tied-embeddings-all"] or self.options["tied-embeddings"]
        output = decoder if is_tied else self.tensors["decoder_ff_logit_out_Wt"]
        return states @ output.T + self.tensors["decoder_ff_logit_out_b"]

    def positioned(self, rows: Any) -> Any:
        waves = 10000.0 ** (-np.arange(WIDTH // 2) / (WIDTH // 2 - 1))
        angles = np.arange(len(rows))[:, None] * waves
        return rows * np.sqrt(WIDTH) + np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    def around(self, norm: str, states: Any, sublayer: Any) -> Any:
        if self.is_pre:
            return states + sublayer(self.norm(norm, states, "_pre"))
        return self.norm(norm, states + sublayer(states))

    def top(self, side: str, states: Any) -> Any:
        has_top = self.options["transformer-postprocess-top"] == "n"
        return self.norm(f"{side}_top", states) if has_top else states

    def norm(self, name: str, states: Any, suffix: str = "") -> Any:
        centred = states - states.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-9)
        return scaled * self.tensors[f"{name}_ln_scale{suffix}"] + self.tensors[f"{name}_ln_bias{suffix}"]

    def attend(self, name: str, states: Any, memory: Any, *, is_causal: bool = False) -> Any:
        q, k, v = (
            (each @ self.tensors[f"{name}_W{role}"] + self.tensors[f"{name}_b{role}"])
            .reshape(len(each), HEADS, -1)
            .transpose(1, 0, 2)
            for role, each in zip("qkv", (states, memory, memory))
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        if is_causal:
            scores = np.where(np.tril(np.ones(scores.shape[1:])), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        joined = (weights / weights.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(states), -1)
        return joined @ self.tensors[f"{name}_Wo"] + self.tensors[f"{name}_bo"]

    def recur(self, name: str, states: Any) -> Any:
        cell, outputs = np.zeros(WIDTH), []
        for state in states:
            gate = 1 / (1 + np.exp(-(state @ self.tensors[f"{name}_Wf"] + self.tensors[f"{name}_bf"][0])))
            cell = gate * cell + (1 - gate) * (state @ self.tensors[f"{name}_W"])
            outputs.append(np.maximum(cell, 0))
        return np.stack(outputs)

    def feed_forward(self, name: str, states: Any) -> Any:
        inner = states @ self.tensors[f"{name}_W1"] + self.tensors[f"{name}_b1"]
        return self.activated(inner) @ self.tensors[f"{name}_W2"] + self.tensors[f"{name}_b2"]

    def activated(self, inner: Any) -> Any:
        kind = self.options["transformer-ffn-activation"]
        if kind == "relu":
            return np.maximum(inner, 0)
        if kind == "swish":
            return inner / (1 + np.exp(-inner))
        if self.options["version"].startswith("v1.9"):
            return inner / (1 + np.exp(-1.702 * inner))
        from math import erf

        return 0.5 * inner * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
