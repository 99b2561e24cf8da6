"""``crosslate pack export`` and ``pack merge``: export packs with their parent to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosslate.cli.console import console, print_line, size_of
from crosslate.cli.options import PackFolders, PackParent
from crosslate.errors import UsageError
from crosslate.export.exporter import EXPORTERS


def export(
    packs: PackFolders,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder; for some formats a file (argos).")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help=f"Output format: {', '.join(EXPORTERS.names)}. hf is a checkpoint for transformers, "
            "onnx is for Optimum and transformers.js, argos a package for Argos Translate and "
            "LibreTranslate, marian a model for Marian and bergamot, web a page that translates in a "
            "browser.",
        ),
    ] = "ctranslate2",
    parent: PackParent = None,
    quantization: Annotated[
        str | None,
        typer.Option(
            help="Type of the weights: float32; for hf also float16, bfloat16; for onnx int8; for "
            "ctranslate2 and argos all of these, int16, …; for marian float32 (.npz) or int8 (.bin), for web "
            "int8. [default: int8 for web, else float32]",
            show_default=False,
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="With --to web: folder of the npm package @browsermt/bergamot-translator, or the folder "
            "that npm installed it into.",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="REPO",
            help="With --to hf: upload the result to this Hugging Face Hub repository (ann/de-en).",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="With --push: a private repository.")] = False,
) -> None:
    """Export a pack and its parent as one complete model for other programs."""
    from crosslate.packs.hub import check_publishing, publish

    is_for_hub = EXPORTERS[to]().is_for_hub
    if push is not None and not is_for_hub:
        raise UsageError(f"--push needs --to hf, but --to is {to}")
    if private and push is None:
        raise UsageError("--private needs --push; give a repository or leave out --private")
    if push is not None:
        check_publishing(push)
    _export(packs, out, to, parent, quantization, runtime)
    if push is not None:
        print_line(console(), f"uploaded to {publish(out, push, is_private=private).url}")


def merge(
    packs: PackFolders,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")],
    parent: PackParent = None,
    dtype: Annotated[
        str, typer.Option(help="Type of the tensors: float32, float16 or bfloat16.")
    ] = "float32",
) -> None:
    """Merge packs and parent into a plain checkpoint for transformers; the same as export --to hf."""
    _export(packs, out, "hf", parent, dtype)


def _export(
    packs: list[Path],
    out: Path,
    to: str,
    parent: str | None,
    precision: str | None,
    runtime: Path | None = None,
) -> None:
    from crosslate.export.exporter import export as write
    from crosslate.packs.stored_model import StoredModel

    exporter = EXPORTERS[to](runtime)
    precision = precision or exporter.precisions[0]
    exporter.check(out, precision)  # before the packs are read
    stored = StoredModel(packs, parent)
    note = write(stored, out, to, precision, runtime=runtime)
    files = [path for path in (out, *out.rglob("*")) if path.is_file()]
    size = size_of(sum(path.stat().st_size for path in files))
    pair = f"{stored.source_language}-{stored.target_language}"
    counted = f"{len(files)} files" if out.is_dir() else "one file"
    print_line(console(), f"{pair}: {counted} of {size}, tensors in {precision}, saved to {out}")
    if note:
        print_line(console(), note)
