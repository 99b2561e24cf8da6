"""``crosslate pack export`` and ``pack merge``: the whole model that packs make, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from crosslate.cli.console import console, print_line, size_of
from crosslate.cli.options import PackFolders, PackParent
from crosslate.errors import UsageError, nearest

_FORMATS = ("hf", "ctranslate2", "argos")

_Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; a file with --to argos.")]


def export(
    packs: PackFolders,
    out: _Out,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Program that shall translate with it: hf (transformers), ctranslate2, or argos "
            "(Argos Translate, LibreTranslate).",
        ),
    ] = "ctranslate2",
    parent: PackParent = None,
    quantization: Annotated[
        str,
        typer.Option(
            help="Type of the weights: float32, float16, bfloat16; not with --to hf also int8, int16, …"
        ),
    ] = "float32",
    push: Annotated[
        str | None,
        typer.Option(
            metavar="REPO",
            help="With --to hf: then upload it to this repository of the Hugging Face Hub (ann/de-en).",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="With --push: to a private repository.")] = False,
) -> None:
    """Write the whole model that a pack and its parent make, to be used without either."""
    if to not in _FORMATS:
        raise UsageError(f"unknown format {to!r}; {nearest(to, _FORMATS)}")
    if push is not None and to != "hf":
        raise UsageError(f"--push is given with --to {to}, expected --to hf, which the hub shows and serves")
    if private and push is None:
        raise UsageError("--private is given without --push")
    if to == "hf":
        _export_plain(packs, out, parent, quantization, push, private)
        return
    from crosslate.engines.conversion import Quantization
    from crosslate.export.exporting import Format
    from crosslate.export.exporting import export as export_packs
    from crosslate.packs.stored import StoredModel

    _check_free(out)
    model = StoredModel(packs, parent)
    num_bytes = export_packs(model, out, cast("Format", to), cast("Quantization", quantization))
    pair = f"{model.source_language}-{model.target_language}"
    print_line(console(), f"{pair}: {size_of(num_bytes)} in {quantization}, saved to {out}")


def _export_plain(
    packs: list[Path], out: Path, parent: str | None, dtype: str, push: str | None, is_private: bool
) -> None:
    if push is None:
        merge(packs, out, parent, dtype)
        return
    from crosslate.packs.hub import check_publishing, publish

    check_publishing(push)
    merge(packs, out, parent, dtype)
    print_line(console(), f"uploaded to {publish(out, push, is_private=is_private)}")


def merge(
    packs: PackFolders,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    parent: PackParent = None,
    dtype: Annotated[
        str, typer.Option(help="Type of the tensors: float32, float16 or bfloat16.")
    ] = "float32",
) -> None:
    """Write the whole model as a plain checkpoint for transformers; the same as export --to hf."""
    from crosslate.export.merging import merge as merge_packs
    from crosslate.export.plain_model import torch_type
    from crosslate.packs.stored import StoredModel

    torch_type(dtype)
    _check_free(out)
    model = StoredModel(packs, parent)
    merged = merge_packs(model.load_parent(), model.load_packs(), out, precision=dtype)  # type: ignore[arg-type]
    lines = console()
    pair = f"{merged.source_language}-{merged.target_language}"
    print_line(lines, f"{pair}: {size_of(merged.num_bytes)} in {dtype}, saved to {out}")
    difference = merged.logit_difference
    logits = f"logits within {difference:.1g} of the largest" if difference else "the same logits"
    print_line(
        lines,
        f"loaded again with transformers alone: no tensor missing, {logits}, the same tokens for "
        f"{merged.num_sentences} sentences; how to translate with it: {out / 'README.md'}",
    )


def _check_free(out: Path) -> None:
    """Before anything is loaded."""
    from crosslate.errors import InputError

    if out.exists():
        raise InputError(f"{out} already exists; give another name or remove it first")
