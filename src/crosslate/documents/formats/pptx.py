"""Presentations: the text of slides and of the notes for their speakers."""

from __future__ import annotations

import re

from crosslate.documents.document import ArchiveFormat
from crosslate.documents.flow import Flow
from crosslate.documents.runs import read_drawing


class Presentation(ArchiveFormat):
    suffixes = (".pptx",)
    position = 5
    parts = re.compile(r"ppt/(?:slides/slide|notesSlides/notesSlide)\d*\.xml")

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        read_drawing(flow, text)
