"""``crosslate pack``: show, verify, compare, share, compress, merge and export packs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosslate.cli.console import console, of_full_model, print_facts, print_line, size_of
from crosslate.cli.options import PackParent
from crosslate.cli.pack_diff import diff
from crosslate.cli.pack_export import export, merge
from crosslate.errors import UsageError

if TYPE_CHECKING:
    from crosslate.packs.manifest import Manifest

pack_app = typer.Typer(
    help="Show, verify, compare, share, compress, merge and export packs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Pack = Annotated[
    Path,
    typer.Argument(
        metavar="PACK",
        help="The pack: its folder, or its id on the Hugging Face Hub (ann/de-en, ann/de-en@REVISION).",
    ),
]


@pack_app.command()
def show(pack: _Pack) -> None:
    """Verify a pack and show its contents, parent and scores."""
    from crosslate.packs.stored_model import verified_pack

    manifest = verified_pack(pack)
    out = console()
    print_line(out, f"{manifest.name} ({pack})")
    print_facts(
        out,
        [
            ("languages", _languages(manifest)),
            ("strategy", manifest.strategy),
            ("parent", f"{manifest.parent.name}, {_pair(manifest.parent)}"),
            ("", f"fingerprint {manifest.parent.fingerprint}"),
            *_labelled(
                "pair of", [f"{each.name}, fingerprint {each.fingerprint}" for each in manifest.packs]
            ),
            *_labelled(
                "from",
                [f"{each.name}, fingerprint {each.fingerprint}" for each in (manifest.start,) if each],
            ),
            ("stored", _stored(manifest)),
            ("files", ", ".join(f"{name} {size_of(each.bytes)}" for name, each in manifest.files.items())),
            *_training(manifest.training),
            *_data(manifest.data),
            *_scores(manifest),
            ("licence", manifest.licence),
            ("created", f"{manifest.created} by Crosslate {manifest.crosslate_version}"),
        ],
    )


@pack_app.command()
def verify(
    pack: _Pack,
    parent: Annotated[
        str | None, typer.Option(help="Also check that the pack fits this parent (folder or hub id).")
    ] = None,
) -> None:
    """Check every byte of a pack and, with --parent, that it fits that parent."""
    from crosslate.packs.stored_model import StoredModel, verified_pack

    manifest = verified_pack(pack, parent)
    total = sum(each.bytes for each in manifest.files.values())
    out = console()
    print_line(
        out,
        f"{pack}: valid; {len(manifest.files) + 1} files, {len(manifest.tensors)} tensors, {size_of(total)}, "
        "all hashes match",
    )
    fingerprint = manifest.parent.fingerprint
    if parent is None:
        needed = f"{manifest.parent.name}, fingerprint {fingerprint}"
        print_line(out, f"parent not checked (use --parent); it needs {needed}")
        return
    if manifest.packs:
        needed = " and ".join(map(str, manifest.packs))
        print_line(out, f"a pair pack, which is checked in full together with {needed}")
        return
    StoredModel([pack], parent).load()
    print_line(out, f"fits {parent}, fingerprint {fingerprint}")


@pack_app.command()
def compress(
    pack: _Pack,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the smaller pack.")],
    rank: Annotated[
        int,
        typer.Option(help="Rank of deltas to store instead of trained matrices; 0 stores whole matrices."),
    ] = 0,
    dtype: Annotated[str | None, typer.Option(help="Type of the stored numbers: bfloat16 or int8.")] = None,
    parent: PackParent = None,
) -> None:
    """Store a pack in fewer bytes with slight loss; use evaluate to measure it."""
    from crosslate.errors import InputError
    from crosslate.files import described
    from crosslate.packs.compact import check_compression, compressed
    from crosslate.packs.pack import Pack
    from crosslate.packs.stored_model import StoredModel

    check_compression(rank, dtype)
    if out.exists():
        raise InputError(f"{out} already exists, {described(out)}; give another folder or remove it first")
    whole = Pack.from_pretrained(pack)
    if rank and whole.manifest.packs:
        raise UsageError(
            f"{pack} is a pair pack, whose deltas are relative to what its two packs compose; give only a "
            "type, or train it with low-rank changes alone"
        )
    base = StoredModel([pack], parent).load_parent() if rank else None
    made = compressed(whole, base, rank=rank, dtype=dtype)  # type: ignore[arg-type]
    before, after = (sum(each.nbytes for each in one.tensors.values()) for one in (whole, made))
    if after >= before:
        raise UsageError(
            f"{pack} would not shrink: {size_of(before)} of tensors before, {size_of(after)} after; "
            "choose a smaller type or rank"
        )
    made.save(out)
    print_line(
        console(),
        f"{size_of(before)} of tensors before, {size_of(after)} after "
        f"({100 * after / max(before, 1):.1f} %), saved to {out}",
    )


@pack_app.command()
def install(
    packs: Annotated[
        list[str],
        typer.Argument(
            metavar="PACK...",
            help="Folders of the packs, their hub ids, or a collection of packs on the hub.",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder of packs that a server watches.")],
    parent: Annotated[
        str | None, typer.Option(help="Also check that the packs fit this parent (folder or hub id).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a pack of the same name.")] = False,
) -> None:
    """Copy packs to a folder that a server watches; each is verified and installed atomically."""
    from crosslate.packs.collections import install_collection, is_collection
    from crosslate.packs.stored_model import install_pack

    out = console()
    for pack in packs:
        if is_collection(pack) and not Path(pack).exists():
            done = install_collection(pack, to, parent=parent, replace=force)
            if not done:
                print_line(out, f"{to} has all packs of {pack} as they are")
        else:
            done = [install_pack(pack, to, parent=parent, replace=force)]
        for place in done:
            print_line(out, f"installed {place}")


@pack_app.command()
def push(
    pack: _Pack,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="Repository on the hub: ann/de-en.")],
    private: Annotated[
        bool, typer.Option("--private", help="Create a private repository; an existing one must be private.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Branch to upload to, created if missing.")
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence, as an SPDX identifier. [default: the pack's]", show_default=False)
    ] = "",
    datasets: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="ID", help="Data set on the hub that the pack was trained on."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TEXT", help="Further tag for searches on the hub.")
    ] = None,
    base_model: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="The parent's id on the hub. [default: the recorded name, unless it is a folder]",
            show_default=False,
        ),
    ] = "",
    message: Annotated[str, typer.Option("--message", "-m", help="Message of the commit.")] = "",
) -> None:
    """Upload a pack to the Hugging Face Hub, with a model card."""
    from crosslate.packs.cards import CardDetails
    from crosslate.packs.hub import check_publishing, pack_folder, publish_pack
    from crosslate.packs.stored_model import verified_pack

    details = CardDetails(licence=licence, datasets=datasets or [], tags=tags or [], base_model=base_model)
    check_publishing(repository)
    folder = pack_folder(pack)
    done = publish_pack(
        folder,
        verified_pack(folder),
        repository,
        details,
        is_private=private,
        revision=revision,
        message=message,
    )
    print_line(console(), f"uploaded to {done.url}; this version is {done.repo_id}@{done.commit}")


@pack_app.command()
def pull(
    pack: Annotated[
        str, typer.Argument(metavar="ID", help="Id on the Hugging Face Hub: ann/de-en or ann/de-en@REVISION.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the pack.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a pack that is there.")] = False,
) -> None:
    """Download a pack from the Hugging Face Hub to a folder; every byte is verified."""
    from crosslate.packs.stored_model import copy_pack

    manifest = copy_pack(pack, out, replace=force)
    pair = f"{manifest.source_language}-{manifest.target_language}"
    print_line(console(), f"{pair}: {manifest.name}, fingerprint {manifest.checksum}, saved to {out}")


pack_app.command()(diff)
pack_app.command()(export)
pack_app.command()(merge)


def _pair(described: Any) -> str:
    from crosslate.languages.codes import language_name

    return (
        f"{language_name(described.source_language)} ({described.source_language}) to "
        f"{language_name(described.target_language)} ({described.target_language})"
    )


def _languages(manifest: Manifest) -> str:
    new = [f"{side} vocabulary of {manifest.vocabulary_size(side):,} pieces" for side in manifest.renewed]
    return f"{_pair(manifest)}; new {' and '.join(new) if new else 'vocabulary: none'}"


def _stored(manifest: Manifest) -> str:
    text = f"{len(manifest.tensors)} tensors, {size_of(manifest.files['weights.safetensors'].bytes)}"
    with suppress(KeyError, TypeError, ValueError):  # the record is free-form
        counts = manifest.training["parameters"]
        text += f", {of_full_model(counts['share_stored'], counts['model_bytes'])}"
    return text


def _training(record: dict[str, Any]) -> list[tuple[str, str]]:
    parts = _filled(
        record, "{epochs} epochs, {updates:,} updates", "best after {best_updates:,}",
        "{training_seconds:,.0f} s at {tokens_per_second:,.0f} tokens/s", "seed {settings[seed]:d}",
        "{precision:s}",
    )  # fmt: skip
    machine = record.get("machine")
    described = machine.items() if isinstance(machine, dict) else ()
    compressed = _filled(record, "deltas of rank {compressed[rank]:d}", "{compressed[dtype]:s}")
    lines = {"": parts, "on ": [f"{name} {value}" for name, value in described],
             "ended: ": _filled(record, "{finished:s}"), "then compressed: ": compressed}  # fmt: skip
    return _labelled("training", [label + ", ".join(each) for label, each in lines.items() if each])


def _data(record: dict[str, Any]) -> list[tuple[str, str]]:
    lines = _filled(
        record, "trained on {train[pairs]:,} pairs of {train[origin]}",
        "and {synthetic[pairs]:,} synthetic pairs of {synthetic[origin]}, "
        "{synthetic[pairs_per_epoch]:,} in each epoch",
        "translated by {synthetic[made][translator][name]}",
        "terms learnt from {annotated[pairs]:,} annotated pairs, "
        "{annotated[pairs_per_epoch]:,} in each epoch",
        "validated on {valid[pairs]:,} pairs of {valid[origin]}",
        "cleaning kept {cleaning[kept]:,} of {cleaning[total]:,} pairs",
    )  # fmt: skip
    if _filled(record, "{train[made]}"):
        lines[0] = lines[0].replace("pairs of", "synthetic pairs of", 1)
    if _filled(record, "{valid[held_out]}") == ["True"]:
        lines = [f"{line}, held out of the training text" if "validated" in line else line for line in lines]
    return _labelled("data", lines)


def _filled(record: dict[str, Any], *templates: str) -> list[str]:
    """Templates filled from a free-form record, without those whose values are missing."""
    found = []
    for template in templates:
        with suppress(KeyError, TypeError, ValueError):
            found.append(template.format_map(record))
    return found


def _scores(manifest: Manifest) -> list[tuple[str, str]]:
    lines = []
    for score in manifest.scores:
        low_high = "" if score.interval is None else f" [{score.interval[0]:.2f}, {score.interval[1]:.2f}]"
        name = score.metric.upper() if score.metric == "bleu" else score.metric
        lines += [f"{name} {score.value:.2f}{low_high} on {score.test_set}", f"signature {score.signature}"]
    if (known := manifest.calibration) is not None:
        lines.append(f"confidence calibrated on {known.sentences:,} sentences, Spearman {known.spearman:.2f}")
    return _labelled("scores", lines)


def _labelled(label: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(label if index == 0 else "", line) for index, line in enumerate(lines)]
