"""``crosslate adapt``: adapt a parent to a new language."""

from __future__ import annotations

from crosslate.adaptation.jobs import AdaptJob
from crosslate.cli.console import console, error_console, of_full_model, size_of
from crosslate.cli.options import Option, Options, options_of

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
    "--precision": "training.precision",
    "--seed": "training.seed",
    "--tensorboard": "training.tensorboard",
    "--metric": "data.metric",
    "--no-cleaning": Option("data.cleaning.enabled", value=False, help="Keep every pair."),
    "--mined": "data.cleaning.mined",
    "--max-tokens": "data.max_tokens",
    "--vocab-size": Option(
        "data.source_vocabulary_size data.target_vocabulary_size",
        help="Pieces of each new vocabulary. [default: chosen from the text]",
    ),
    "--unigram": Option("data.vocabulary_kind", value="unigram", help="Unigram instead of BPE vocabularies."),
}
_OPTIONS: Options = {
    "--parent": "parent",
    "--from": Option("start", metavar="PACK PACK"),
    "--parent-langs": Option("parent_langs", metavar="XX-YY"),
    "--parent-prefix": Option("parent_prefix", metavar="TEXT"),
    "--new-source": "new.source",
    "--new-target": "new.target",
    **TEXT,
    "--synthetic": Option("synthetic.files", metavar="FILE [FILE]"),
    "--synthetic-share": Option("synthetic.share", metavar="X"),
    "--synthetic-tag": Option("synthetic.tag", metavar="TEXT"),
    **OUTPUT,
    "--effort": "training.effort",
    "--strategy": "new.strategy",
    "--vocabulary": "new.vocabulary",
    "--code": "new.code",
    "--related": Option("new.related", metavar="XX"),
    "--initial-embeddings": "new.initial_embeddings",
    "--dictionary": Option("new.dictionaries", metavar="FILE [FILE]"),
    **TRAINING,
    "--frozen-dtype": "frozen_dtype",
    "--gradient-checkpointing": "training.gradient_checkpointing",
    "--shard-frozen": "training.shard_frozen",
    "--dtype": "output.dtype",
    "--name": "output.name",
    "--licence": "output.licence",
}


@options_of(_OPTIONS, set_in="training")
def adapt(job: AdaptJob) -> None:
    """Teach a parent a new language, or train a pair that two packs compose, and write a pack."""
    from crosslate.training.progress import ConsoleProgress

    manifest = job.run(ConsoleProgress(error_console())).manifest
    counts = manifest.training["parameters"]
    score = "".join(f", {each.metric} {each.value:.2f} on validation" for each in manifest.scores)
    console().print(
        f"pack {manifest.source_language}-{manifest.target_language}: {size_of(counts['pack_bytes'])} of "
        f"tensors, {of_full_model(counts['share_stored'], counts['model_bytes'])}{score}, saved to "
        f"{job.output.folder}",
        soft_wrap=True,
    )
