"""One queue for the texts of all clients, cut into batches by tokens.

Every request is a ticket with its pieces. Batches take from all tickets in turn, so a long document does
not keep a short sentence waiting, and a ticket that nobody waits for any more costs nothing. While short
requests come in, long ones get short batches of their own, and not the last worker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.server.answers import Refusal, without_texts
from crosslate.server.backends import Model
from crosslate.server.settings import QueueSettings
from crosslate.translation.postediting import repeats_itself

log = logging.getLogger(__name__)

Found = list[tuple[int, list[Hypothesis]]]
# What is tried where a translation repeats itself: no run of so many tokens twice.
_GUARD_NGRAM = 3
# The longest window, and what part of a batch's time it may take.
_MAX_WINDOW_SECONDS, _WINDOW_SHARE = 0.1, 0.15
# Less is not worth dividing between workers.
_MIN_SHARE_TOKENS = 128
# What counts as a short request; for how long after one others are expected; and how long a batch with pieces
# of long requests may take meanwhile.
_SHORT_TOKENS, _LATELY_SECONDS, _SLICE_SECONDS = 256, 2.0, 0.1


@dataclass(frozen=True, eq=False)
class Piece:
    """A text that one model translates at once.

    Attributes:
        index: its place in the request.
        num_tokens: of the source, for the size of batches.
    """

    index: int
    model: Model
    text: str
    num_tokens: int


@dataclass(eq=False)
class Ticket:
    """The pieces of one request.

    Attributes:
        pieces: those not yet taken.
        options: how all of them are translated.
        deliver: called on a worker's thread with what a batch has found for this ticket, or once, instead,
            with why a piece cannot be translated.
        most_tokens: of this ticket in one batch, so that its first results come soon; None for no limit.
        num_tokens: of the pieces not yet taken.
        is_short: whether it had few tokens from the start.
    """

    pieces: deque[Piece]
    options: DecodingOptions
    deliver: Callable[[Found | BaseException], None]
    most_tokens: int | None = None
    arrived: float = field(default_factory=time.monotonic)
    num_tokens: int = field(init=False)
    is_short: bool = field(init=False)

    def __post_init__(self) -> None:
        self.num_tokens = sum(piece.num_tokens for piece in self.pieces)
        self.is_short = self.num_tokens <= _SHORT_TOKENS

    def take(self) -> Piece:
        """Its next piece."""
        piece = self.pieces.popleft()
        self.num_tokens -= piece.num_tokens
        return piece


@dataclass
class Counts:
    """What the queue has seen, for ``/metrics``."""

    batches: int = 0
    pieces: int = 0
    tokens: int = 0
    guarded: int = 0
    refused: int = 0
    seconds: float = 0.0


class Batcher:
    """Translates tickets on worker threads.

    Args:
        settings: what may wait, and how batches are cut.
        num_workers: batches at the same time.
    """

    def __init__(self, settings: QueueSettings, num_workers: int = 1) -> None:
        self.counts = Counts()
        self._settings = settings
        self._tickets: deque[Ticket] = deque()
        self._tokens = 0  # of all pieces that wait
        self._changed = threading.Condition()
        self._is_closed = False
        self._num_idle = 0
        self._num_running = 0  # tickets that batches under way will end
        self._num_long = 0  # batches under way with pieces of long tickets
        self._last_short = -_LATELY_SECONDS  # when a short ticket came
        self._usual_seconds = 0.0  # of a batch, lately
        self._tokens_per_second = 0.0  # of batches that are not small, lately
        self._workers = [
            threading.Thread(target=self._work, name=f"translation-{number}", daemon=True)
            for number in range(num_workers)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def waiting(self) -> tuple[int, int]:
        """Tickets and pieces that wait."""
        with self._changed:
            return len(self._tickets), sum(len(ticket.pieces) for ticket in self._tickets)

    def submit(self, ticket: Ticket) -> None:
        """Puts a ticket with pieces into the queue; refuses it if too much waits or the server stops."""
        with self._changed:
            if self._is_closed:
                raise Refusal(503, "The server is shutting down", retry_after=5)
            is_full = self._tokens + ticket.num_tokens > self._settings.waiting_tokens
            if len(self._tickets) >= self._settings.waiting_requests or (self._tickets and is_full):
                self.counts.refused += 1
                raise Refusal(503, "Too many requests are waiting; try again soon", retry_after=2)
            self._tickets.append(ticket)
            self._tokens += ticket.num_tokens
            if ticket.is_short:
                self._last_short = time.monotonic()
            self._changed.notify()

    def cancel(self, ticket: Ticket) -> None:
        """Takes back what has not been translated yet."""
        with self._changed:
            self._tokens -= ticket.num_tokens
            ticket.pieces.clear()
            ticket.num_tokens = 0
            if ticket in self._tickets:
                self._tickets.remove(ticket)

    def close(self, seconds: float = 30.0) -> None:
        """Finishes what waits, within a time, and stops the workers."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        ended, is_long = 0, False
        while True:
            with self._changed:
                self._num_idle += 1
                self._num_running -= ended
                self._num_long -= is_long
                while not self._takeable(is_long) and (self._tickets or not self._is_closed):
                    self._changed.wait(_LATELY_SECONDS if self._tickets else None)
                self._wait_for_more(ended)
                batch = self._cut(is_long)
                if not self._tickets and not batch and self._is_closed:
                    return
                ended = len({ticket for ticket, _ in batch if not ticket.pieces})
                is_long = not all(ticket.is_short for ticket, _ in batch)
                self._num_running += ended
                self._num_long += is_long
                self._num_idle -= 1
            if batch:
                self._translate(batch)

    @property
    def _expects_short(self) -> bool:
        return time.monotonic() - self._last_short < _LATELY_SECONDS

    def _takeable(self, was_long: bool) -> list[Ticket]:
        """Tickets that a worker may take from.

        While short ones come in and there are several workers, long ones get batches of their own: one worker
        at least is left to short ones, and if these wait, one at most translates long ones, every other time.

        Args:
            was_long: whether the worker's last batch was of long tickets.
        """
        num_others = len(self._workers) - 1
        if not (num_others and self._expects_short) or self._is_closed:
            return list(self._tickets)
        short = [ticket for ticket in self._tickets if ticket.is_short]
        long = [ticket for ticket in self._tickets if not ticket.is_short]
        is_for_short = short and (was_long or self._num_long)
        return long if long and self._num_long < num_others and not is_for_short else short

    def _wait_for_more(self, ended: int) -> None:
        """Waits for a batch to fill up, for a short window.

        A batch of one takes nearly as long as one of ten. Whoever was answered may soon ask again, so where
        clients are many, the window is a part of the time that a batch takes, and ends when the worker has
        its share of all who wait, are being served, or may come back.

        Args:
            ended: tickets that the worker's last batch has ended.
        """
        around = len(self._tickets) + ended
        expected = min(around, -(-(around + self._num_running) // len(self._workers)))
        window = self._settings.window_milliseconds / 1e3
        if expected > 1:
            window = max(window, min(_MAX_WINDOW_SECONDS, _WINDOW_SHARE * self._usual_seconds))
        while not self._is_closed and self._tickets:
            left = self._tickets[0].arrived + window - time.monotonic()
            is_full = self._tokens >= self._settings.batch_tokens
            if left <= 0 or is_full or 1 < expected <= len(self._tickets):
                return
            self._changed.wait(left)

    def _cut(self, was_long: bool) -> list[tuple[Ticket, Piece]]:
        """Takes a batch: of the oldest ticket's kind, an equal share of every ticket first."""
        takeable = self._takeable(was_long)
        if not takeable:
            return []
        first = takeable[0]
        body = first.pieces[0].model.body
        fitting = [
            ticket
            for ticket in takeable
            if ticket.options == first.options and ticket.pieces[0].model.body == body
        ]
        taken: list[tuple[Ticket, Piece]] = []
        # What waits is shared with workers that have nothing to do.
        fair = -(-self._tokens // max(1, self._num_idle))
        left = min(self._settings.batch_tokens, max(fair, _MIN_SHARE_TOKENS))
        if self._expects_short:
            left = min(left, max(_MIN_SHARE_TOKENS, int(_SLICE_SECONDS * self._tokens_per_second)))
        for is_second, share in enumerate((max(1, left // len(fitting)), left)):
            for ticket in fitting:
                used, most = 0, min(share, left)
                if ticket.most_tokens is not None:
                    most = 0 if is_second else min(most, ticket.most_tokens)
                while ticket.pieces and used < most and ticket.pieces[0].model.body == body:
                    piece = ticket.take()
                    used += piece.num_tokens
                    taken.append((ticket, piece))
                left -= used
                self._tokens -= used
        # Whoever was served and wants more goes to the end, so that other kinds get their turn.
        served = [ticket for ticket in fitting if ticket.pieces]
        others = [ticket for ticket in self._tickets if ticket.pieces and ticket not in served]
        self._tickets = deque([*others, *served])
        if self._tickets:
            self._changed.notify()
        return taken

    def _translate(self, batch: list[tuple[Ticket, Piece]]) -> None:
        """After a failure each ticket gets its own try, so that one client's text spoils no other's."""
        results: dict[Ticket, Found] = {ticket: [] for ticket, _ in batch}
        start = time.monotonic()
        try:
            found = self._run([piece for _, piece in batch], batch[0][0].options)
        except BaseException as error:  # whatever an engine raises must not end the worker
            if len(results) > 1:
                for ticket in results:
                    self._translate([each for each in batch if each[0] is ticket])
                return
            log.error("a batch failed: %s", without_texts(error))
            self.cancel(batch[0][0])
            batch[0][0].deliver(error)
            return
        finally:
            seconds = time.monotonic() - start
            self.counts.batches += 1
            self.counts.seconds += seconds
            self._usual_seconds += 0.2 * (seconds - self._usual_seconds)
        num_tokens = sum(piece.num_tokens for _, piece in batch)
        self.counts.pieces += len(batch)
        self.counts.tokens += num_tokens
        if num_tokens >= _MIN_SHARE_TOKENS:
            self._tokens_per_second += 0.2 * (num_tokens / max(seconds, 1e-6) - self._tokens_per_second)
        for (ticket, piece), hypotheses in zip(batch, found, strict=True):
            results[ticket].append((piece.index, hypotheses))
        for ticket, result in results.items():
            ticket.deliver(result)

    def _run(self, pieces: Sequence[Piece], options: DecodingOptions) -> list[list[Hypothesis]]:
        translate = pieces[0].model.body
        found = translate([(piece.model, piece.text) for piece in pieces], options)
        if not self._settings.repetition_guard or options.no_repeat_ngram:
            return found
        repeating = [
            index
            for index, piece in enumerate(pieces)
            if repeats_itself(found[index][0].text) and not repeats_itself(piece.text)
        ]
        if repeating:
            self.counts.guarded += len(repeating)
            again = [(pieces[index].model, pieces[index].text) for index in repeating]
            better = translate(again, options.changed(no_repeat_ngram=_GUARD_NGRAM))
            for index, hypotheses in zip(repeating, better, strict=True):
                found[index] = hypotheses
        return found
