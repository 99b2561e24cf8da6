"""Documents through stand-ins for a translator, and archives."""

import io
import zipfile

from crosslate.documents import open_document, open_text


def texts(document):
    return [segment.text for segment in document.segments]


def through(text, format_, translate=str.upper, align=None, language="en", target=None):
    """A text of a format with its sentences translated."""
    document = open_text(text, format_, language, target)
    return document.render([translate(sentence) for sentence in texts(document)], align)


def is_kept(data, format_, language="en", target=None):
    """Whether a translator that changes nothing gives the same bytes."""
    document = open_document(data, format_, language, target)
    return document.rebuild(texts(document)) == data


def zipped(members, **options):
    """An archive with members in the order of a mapping."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
