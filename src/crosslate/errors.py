"""All errors that Crosslate raises, with their exit codes.

Each class also derives from a builtin that callers may already catch, such as ``ValueError`` for bad input. A
message says what was wrong, the value seen, what was expected and the next step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INPUT = 3
EXIT_REFUSED = 4
EXIT_INTERRUPTED = 130


class CrosslateError(Exception):
    """Root of all our errors."""

    exit_code = EXIT_FAILED


class UsageError(CrosslateError, ValueError):
    """The call is invalid: an unknown option value or contradictory settings."""

    exit_code = EXIT_USAGE


class SettingsError(UsageError):
    """A settings file or value is unknown, of the wrong type or out of range."""


class StrategyError(UsageError):
    """A strategy's name or limits cannot be read or do not fit the model."""


class InputError(CrosslateError, ValueError):
    """The user's data cannot be used: corpora, files, encodings, lengths."""

    exit_code = EXIT_INPUT


class OutputExists(InputError):
    """An output exists, and it was not asked for to replace it."""


class CorpusError(InputError):
    """A corpus cannot be read as parallel text."""


class VocabularyError(InputError):
    """A SentencePiece vocabulary cannot be trained or read."""


class ParentError(CrosslateError, ValueError):
    """A parent model cannot be loaded or used."""

    exit_code = EXIT_REFUSED


class LanguagesNotNamed(ParentError):
    """A parent's files name no pair of languages, or several."""


class AnatomyError(ParentError):
    """The parts of a model cannot be identified."""


class PackError(CrosslateError, ValueError):
    """A pack is damaged, unsafe, too new, or belongs to another parent."""

    exit_code = EXIT_REFUSED


class TrainingError(CrosslateError, RuntimeError):
    """Training cannot start, continue or resume."""


class OutOfMemory(TrainingError):
    """A batch does not fit into the memory of the device."""


class EngineError(CrosslateError, RuntimeError):
    """A translation engine does not support the model or the request."""


class HubError(CrosslateError, OSError):
    """A model hub cannot be reached or refuses a request."""


class MissingExtra(CrosslateError, ImportError):
    """A required optional dependency is not installed."""

    exit_code = EXIT_USAGE


class Interrupted(CrosslateError):
    """The user or the system stopped a long run; its state is saved."""

    exit_code = EXIT_INTERRUPTED


class Faults:
    """Collects all faults of a call, so that the user sees them at once.

    >>> faults = Faults("cannot read the corpus")
    >>> faults.add("train.de: no such file")
    >>> faults.raise_as(CorpusError)
    Traceback (most recent call last):
    ...
    crosslate.errors.CorpusError: cannot read the corpus: train.de: no such file
    """

    def __init__(self, heading: str) -> None:
        self.heading = heading
        self.messages: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.messages)

    def add(self, message: str) -> None:
        self.messages.append(message)

    @contextmanager
    def catch(self, *kinds: type[CrosslateError]) -> Iterator[None]:
        """Turns an error of one of ``kinds`` (default: any of ours) inside the block into a fault."""
        try:
            yield
        except CrosslateError as error:
            if kinds and not isinstance(error, kinds):
                raise
            self.add(str(error))

    def raise_as(self, kind: type[CrosslateError]) -> None:
        """Raises ``kind`` with all messages, if there are any."""
        if not self.messages:
            return
        if len(self.messages) == 1:
            raise kind(f"{self.heading}: {self.messages[0]}")
        lines = "".join(f"\n  - {message}" for message in self.messages)
        raise kind(f"{self.heading}, {len(self.messages)} faults:{lines}")


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """A ``did you mean`` hint for a misspelt ``word``, or the list of known words."""
    match = get_close_matches(word, known, n=1)
    if match:
        return f"did you mean {match[0]!r}?"
    return "known: " + ", ".join(known)
