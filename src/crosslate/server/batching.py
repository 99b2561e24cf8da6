"""One queue for the texts of all clients, cut into batches by tokens.

Every request is a ticket with its pieces. Batches take from all tickets in turn, so a long document does
not keep a short sentence waiting, and a ticket that nobody waits for any more costs nothing.
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
from crosslate.server.postediting import repeats_itself
from crosslate.server.settings import QueueSettings

log = logging.getLogger(__name__)

Found = list[tuple[int, list[Hypothesis]]]
# What is tried where a translation repeats itself: no run of so many tokens twice.
_GUARD_NGRAM = 3
# The longest window, and what part of a batch's time it may take.
_MAX_WINDOW_SECONDS, _WINDOW_SHARE = 0.1, 0.15
# Less is not worth dividing between workers.
_MIN_SHARE_TOKENS = 128


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
    """

    pieces: deque[Piece]
    options: DecodingOptions
    deliver: Callable[[Found | BaseException], None]
    most_tokens: int | None = None
    arrived: float = field(default_factory=time.monotonic)

    @property
    def num_tokens(self) -> int:
        return sum(piece.num_tokens for piece in self.pieces)


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
        self._usual_seconds = 0.0  # of a batch, lately
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
            num_tokens = ticket.num_tokens
            is_full = self._tokens + num_tokens > self._settings.waiting_tokens
            if len(self._tickets) >= self._settings.waiting_requests or (self._tickets and is_full):
                self.counts.refused += 1
                raise Refusal(503, "Too many requests are waiting; try again soon", retry_after=2)
            self._tickets.append(ticket)
            self._tokens += num_tokens
            self._changed.notify()

    def cancel(self, ticket: Ticket) -> None:
        """Takes back what has not been translated yet."""
        with self._changed:
            self._tokens -= ticket.num_tokens
            ticket.pieces.clear()
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
        ended = 0
        while True:
            with self._changed:
                self._num_idle += 1
                self._num_running -= ended
                self._changed.wait_for(lambda: self._tickets or self._is_closed)
                self._wait_for_more(ended)
                batch = self._cut() if self._tickets else []
                if not self._tickets and not batch and self._is_closed:
                    return
                ended = len({ticket for ticket, _ in batch if not ticket.pieces})
                self._num_running += ended
                self._num_idle -= 1
            if batch:
                self._translate(batch)

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

    def _cut(self) -> list[tuple[Ticket, Piece]]:
        """Takes a batch: of the oldest ticket's kind, an equal share of every ticket first."""
        first = self._tickets[0]
        body = first.pieces[0].model.body
        fitting = [
            ticket
            for ticket in self._tickets
            if ticket.options == first.options and ticket.pieces[0].model.body == body
        ]
        taken: list[tuple[Ticket, Piece]] = []
        # What waits is shared with workers that have nothing to do.
        fair = -(-self._tokens // max(1, self._num_idle))
        left = min(self._settings.batch_tokens, max(fair, _MIN_SHARE_TOKENS))
        for is_second, share in enumerate((max(1, left // len(fitting)), left)):
            for ticket in fitting:
                used, most = 0, min(share, left)
                if ticket.most_tokens is not None:
                    most = 0 if is_second else min(most, ticket.most_tokens)
                while ticket.pieces and used < most and ticket.pieces[0].model.body == body:
                    piece = ticket.pieces.popleft()
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
        self.counts.pieces += len(batch)
        self.counts.tokens += sum(piece.num_tokens for _, piece in batch)
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
