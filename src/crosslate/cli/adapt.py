"""``crosslate adapt``: adapt a parent to a new language."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from crosslate.adaptation.jobs import AdaptJob
from crosslate.cli.console import console, error_console, of_full_model, size_of
from crosslate.cli.options import Option, Options, options_of

if TYPE_CHECKING:
    from crosslate.packs.manifest import Manifest

TEXT: Options = {
    "--train": Option("train", metavar="FILE [FILE]"),
    "--valid": Option("valid", metavar="FILE [FILE]"),
}
OUTPUT: Options = {"--out -o": "output.folder", "--force": "output.replace"}
TRAINING: Options = {
    "--preset": "training.preset",
    "--epochs": "training.max_epochs",
    "--updates": "training.max_updates",
    "--batch-tokens": "training.batch_tokens",
    "--patience": "training.patience",
    "--dropout": "training.dropout",
    "--schedule": "training.schedule",
    "--l2-sp": Option("training.l2_sp", metavar="X"),
    "--precision": "training.precision",
    "--seed": "training.seed",
    "--trackers": "training.trackers",
    "--metric": "data.metric",
    "--no-cleaning": Option("data.cleaning.enabled", value=False, help="Keep every pair."),
    "--mined": "data.cleaning.mined",
    "--max-tokens": "data.max_tokens",
}
VOCABULARY: Options = {
    "--vocab-size": Option(
        "data.source_vocabulary_size data.target_vocabulary_size",
        help="Pieces of each new vocabulary. [default: chosen from the text]",
    ),
    "--unigram": Option("data.vocabulary_kind", value="unigram", help="Unigram instead of BPE vocabularies."),
}
TERMS: Options = {"--learn-terms": "terms.learn", "--term-share": Option("terms.share", metavar="X")}
PACK: Options = {
    "--frozen-dtype": "frozen_dtype",
    "--gradient-checkpointing": "training.gradient_checkpointing",
    "--shard-frozen": "training.shard_frozen",
    "--dtype": "output.dtype",
    "--name": "output.name",
    "--licence": "output.licence",
}
_OPTIONS: Options = {
    "--parent": "parent",
    "--from": Option("start", metavar="PACK [PACK]"),
    "--parent-langs": Option("parent_langs", metavar="XX-YY"),
    "--parent-prefix": Option("parent_prefix", metavar="TEXT"),
    "--new-source": "new.source",
    "--new-target": "new.target",
    **TEXT,
    "--synthetic": Option("synthetic.files", metavar="FILE [FILE]"),
    "--synthetic-share": Option("synthetic.share", metavar="X"),
    "--synthetic-tag": Option("synthetic.tag", metavar="TEXT"),
    "--earlier": Option("earlier.files", metavar="FILE [FILE]"),
    "--earlier-share": Option("earlier.share", metavar="X"),
    "--earlier-valid": Option("earlier.valid", metavar="FILE [FILE]"),
    **TERMS,
    **OUTPUT,
    "--effort": "training.effort",
    "--strategy": "new.strategy",
    "--vocabulary": "new.vocabulary",
    "--code": "new.code",
    "--related": Option("new.related", metavar="XX"),
    "--initial-embeddings": "new.initial_embeddings",
    "--dictionary": Option("new.dictionaries", metavar="FILE [FILE]"),
    **TRAINING,
    **VOCABULARY,
    **PACK,
}


@options_of(_OPTIONS, set_in="training")
def adapt(job: AdaptJob) -> None:
    """Teach a parent a new language, or go on from packs with new text, and write a pack."""
    from crosslate.training.progress import ConsoleProgress

    pack = job.run(ConsoleProgress(error_console()))
    print_pack(pack.manifest, job.output.folder)


def print_pack(manifest: Manifest, folder: Path) -> None:
    """Prints what an adaptation made, with its scores and those at the start."""
    counts = manifest.training["parameters"]
    before = [each["value"] for each in manifest.training.get("start", {}).get("scores", [])]
    start = "composed" if manifest.packs and manifest.start is None else "at the start"
    score = "".join(
        f", {each.metric} {each.value:.2f} on {each.test_set.partition(':')[0]}"
        + (f" ({was:.2f} {start})" if was is not None else "")
        for each, was in zip_longest(manifest.scores, before)
    )
    terms = manifest.data.get("annotated")
    learnt = "" if terms is None else f", terms learnt from {terms['pairs']:,} annotated pairs"
    console().print(
        f"pack {manifest.source_language}-{manifest.target_language}: {size_of(counts['pack_bytes'])} of "
        f"tensors, {of_full_model(counts['share_stored'], counts['model_bytes'])}{score}{learnt}, "
        f"saved to {folder}",
        soft_wrap=True,
    )
