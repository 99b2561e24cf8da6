"""The model card of a pack, written from its manifest."""

from __future__ import annotations

import math

from crosslate.languages.codes import language_name
from crosslate.models.groups import SIDES
from crosslate.packs.manifest import Manifest, TensorRecord
from crosslate.packs.manifest_rules import DTYPES

_BYTES_PER_VALUE = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}


def model_card(manifest: Manifest) -> str:
    """Markdown with the front matter that model hubs read; depends on the manifest alone.

    The records of files and the checksum are not used, because the card is one of the files they cover.
    """
    import yaml

    source, target = language_name(manifest.source_language), language_name(manifest.target_language)
    front = {
        "license": manifest.licence,
        "language": list(dict.fromkeys([manifest.source_language, manifest.target_language])),
        "library_name": "crosslate",
        "pipeline_tag": "translation",
        "base_model": manifest.parent.name,
    }
    renewed = [side for side in SIDES if side in manifest.renewed]
    num_bytes = sum(_num_bytes(record) for record in manifest.tensors.values())
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip("\n"),
        "---",
        "",
        f"# {manifest.name}",
        "",
        f"Translates {source} to {target}. This is a Crosslate pack: the part of a translation model that "
        "differs from its parent. It needs the parent to translate.",
        "",
        "| | |",
        "|---|---|",
        _row("Languages", f"{source} ({manifest.source_language}) to {target} ({manifest.target_language})"),
        _row("Strategy", manifest.strategy),
        _row("New vocabulary", ", ".join(f"{side}, {_pieces(manifest, side)}" for side in renewed) or "none"),
        _row("Parent", manifest.parent.name),
        _row("Parent's pair", f"{manifest.parent.source_language}-{manifest.parent.target_language}"),
        _row("Parent's fingerprint", manifest.parent.fingerprint),
        _row("Stored", f"{len(manifest.tensors)} tensors, {num_bytes / 1e6:.2f} MB"),
        *_added(manifest),
        _row("Licence", manifest.licence),
        _row("Created", f"{manifest.created} by Crosslate {manifest.crosslate_version}"),
        "",
    ]
    if manifest.scores:
        lines += ["## Scores", "", "| metric | score | 95 % interval | test set | signature |"]
        lines += ["|---|---|---|---|---|"]
    for score in manifest.scores:
        interval = "" if score.interval is None else f"{score.interval[0]:.1f} to {score.interval[1]:.1f}"
        cells = (score.metric, f"{score.value:.1f}", interval, score.test_set, score.signature)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    lines += [""] if manifest.scores else []
    lines.append("How it was trained and on what data: `pack.json`.")
    return "\n".join(lines) + "\n"


def _added(manifest: Manifest) -> list[str]:
    """A row for modules that the parent does not have, since not every engine has a place for them."""
    if manifest.added is None:
        return []
    how = f"{manifest.added.kind} of size {manifest.added.size}; translates with the PyTorch engine only"
    return [_row("Added", how)]


def _num_bytes(record: TensorRecord) -> int:
    return math.prod(record.shape) * _BYTES_PER_VALUE.get(DTYPES.get(record.dtype, ""), 1)


def _pieces(manifest: Manifest, side: str) -> str:
    size = manifest.source_vocabulary_size if side == "source" else manifest.target_vocabulary_size
    return f"{size} pieces"


def _row(name: str, value: str) -> str:
    return f"| {name} | {_cell(value)} |"


def _cell(text: str) -> str:
    """Text that cannot end a table's cell early."""
    return " ".join(text.split()).replace("|", "\\|")
