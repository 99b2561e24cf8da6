"""What users say of a parent whose files do not."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from crosslate.config import Settings
from crosslate.languages.codes import language_pair


def _checked_pair(pair: str) -> str:
    language_pair(pair)
    return pair


LanguagePair = Annotated[str, AfterValidator(_checked_pair)]
"""Two language codes joined by a hyphen, the source first."""


class ParentFacts(Settings):
    """Facts about a parent that its files may lack."""

    parent_langs: LanguagePair | None = Field(
        None,
        description="Languages of the parent, if its files name none or several (mBART, NLLB): fr-en, or its "
        "own codes, as in fra_Latn-eng_Latn.",
    )
    parent_prefix: str | None = Field(
        None,
        description="Text that the parent wants before every source text, if its files do not name it (T5 "
        "fine-tuned on its own pair).",
    )

    @property
    def given_languages(self) -> tuple[str, str] | None:
        """The parent's languages, if they are given."""
        return language_pair(self.parent_langs) if self.parent_langs else None
