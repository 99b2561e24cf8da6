"""Options that choose a model, an engine and decoding settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from crosslate.cli.options import Option, Options
from crosslate.config import AnyPath
from crosslate.engines.decoding import EngineChoice
from crosslate.models.parent_facts import ParentFacts

if TYPE_CHECKING:
    from crosslate.packs.stored_model import StoredModel
    from crosslate.translation.translator import Translator


class ModelChoice(ParentFacts, EngineChoice):
    """A model on disk and how to translate with it."""

    packs: list[AnyPath] = Field(
        default_factory=list,
        description="Pack: its folder, or its id on the Hugging Face Hub (ann/de-en, ann/de-en@REVISION). "
        "Two packs, one with a new source and one with a new target, are composed, and their pair pack may "
        "be given beside them.",
    )
    parent: str | None = Field(
        None,
        description="Folder or Hugging Face Hub id of the parent. Without a pack, translates the parent's "
        "own pair. [default: from the pack's manifest]",
    )

    def stored(self) -> StoredModel:
        """The model on disk."""
        from crosslate.packs.stored_model import StoredModel

        return StoredModel(self.packs, self.parent, self.given_languages, self.parent_prefix)

    def open(self, model: StoredModel) -> Translator:
        """A translator for a model on disk."""
        from crosslate.translation.translator import Translator

        return Translator.of_stored(
            model, engine=self.engine, quantization=self.quantization, options=self.decoding
        )


def decoding_options(field: str) -> Options:
    """The options of the decoding settings in a field of a command's settings."""
    return {
        "--beam": Option(f"{field}.beam_size", metavar="N"),
        "--length-penalty": Option(f"{field}.length_penalty", metavar="X"),
        "--no-repeat-ngram": Option(f"{field}.no_repeat_ngram", metavar="N"),
        "--repetition-penalty": Option(f"{field}.repetition_penalty", metavar="X"),
        "--max-new-tokens": Option(f"{field}.max_new_tokens", metavar="N"),
    }


PARENT_FACTS: Options = {
    "--parent-langs": Option("parent_langs", metavar="XX-YY"),
    "--parent-prefix": Option("parent_prefix", metavar="TEXT"),
}

ENGINE: Options = {
    "--engine": "engine",
    "--quantization": Option("quantization", metavar="TYPE"),
    **decoding_options("decoding"),
}

MODEL: Options = {
    "--pack": Option("packs", metavar="PACK"),
    "--parent": Option("parent", metavar="NAME"),
    **PARENT_FACTS,
    **ENGINE,
}
