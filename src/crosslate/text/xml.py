"""Read XML in bounded memory; declared entities are refused, since a few of them can unfold to gigabytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.parsers import expat

from crosslate.errors import CrosslateError, InputError


def parse_xml(parser: expat.XMLParserType, blocks: Iterable[bytes], name: str) -> Iterator[None]:
    """Feeds blocks of the file ``name`` to a parser, which calls its handlers, and yields after each of them.

    Raises:
        InputError: not well-formed, in an unknown encoding, or with declared entities.
    """

    def refuse(entity: str, *_: object) -> None:
        raise InputError(f"{name} declares the entity {entity!r}, which is refused; write its text instead")

    parser.EntityDeclHandler = refuse
    try:
        for block in blocks:
            parser.Parse(block, False)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise InputError(
            f"{name}, line {error.lineno}, column {error.offset}: not well-formed XML: "
            f"{expat.ErrorString(error.code)}; save the file again"
        ) from None
    except CrosslateError:
        raise
    except (LookupError, ValueError) as error:  # from expat, for an encoding that it does not know
        raise InputError(f"{name}: its encoding cannot be read ({error}); save it as UTF-8") from None


def check_xml(data: bytes, name: str, encoding: str | None = None) -> None:
    """Refuses what :func:`parse_xml` refuses; without ``encoding``, the document declares it."""
    for _ in parse_xml(expat.ParserCreate(encoding), [data], name):
        pass
