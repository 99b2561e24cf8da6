"""The queue: who is served when, what a failure spoils, and that nothing is lost."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest

from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.server.answers import Refusal
from crosslate.server.backends import Model
from crosslate.server.batching import Batcher, Piece, Ticket
from crosslate.server.settings import QueueSettings
from toy_server import wait_for

GREEDY = DecodingOptions(beam_size=1)


class Body:
    """Upper-cases; keeps its batches; waits at a gate if there is one."""

    def __init__(self, gate: threading.Event | None = None):
        self.batches: list[list[str]] = []
        self.options: list[DecodingOptions] = []
        self.gate = gate
        self.entered = threading.Event()

    def __call__(self, items, options):
        self.batches.append([text for _, text in items])
        self.options.append(options)
        self.entered.set()
        if self.gate:
            assert self.gate.wait(10)
        if any("bad" in text for _, text in items):
            raise RuntimeError("an engine's failure")
        return [[Hypothesis(self.output(text, options), 0.0, ())] for _, text in items]

    def output(self, text, options):
        return text.upper()


class Client:
    """A ticket and what it received."""

    def __init__(self, body, *texts, options=GREEDY, tokens=1):
        self.results: dict[int, str] = {}
        self.errors: list[Exception] = []
        self.done = threading.Event()
        self.expected = len(texts)
        model = Model(None, None, body)
        pieces = deque(Piece(index, model, text, tokens) for index, text in enumerate(texts))
        self.ticket = Ticket(pieces, options, self._deliver)

    def _deliver(self, found):
        if isinstance(found, Exception):
            self.errors.append(found)
        else:
            self.results |= {index: hypotheses[0].text for index, hypotheses in found}
        if self.errors or len(self.results) == self.expected:
            self.done.set()

    @property
    def texts(self):
        assert self.done.wait(10)
        return [self.results[index] for index in range(self.expected)]


@pytest.fixture
def batcher():
    made = []

    def make(tokens=100, window=0.0, num_workers=1, **settings):
        settings = QueueSettings(batch_tokens=tokens, window_milliseconds=window * 1e3, **settings)
        made.append(Batcher(settings, num_workers))
        return made[-1]

    yield make
    for each in made:
        each.close(5)


def held(batcher):
    """A body at whose gate a first ticket waits, so that the next ones queue up behind it."""
    gate = threading.Event()
    body = Body(gate)
    first = Client(body, "first")
    batcher.submit(first.ticket)
    assert body.entered.wait(10)
    return body, gate, first


def test_every_text_comes_back_in_its_place(batcher):
    queue, body = batcher(tokens=7), Body()
    clients = [Client(body, *(f"{name}{number}" for number in range(23))) for name in "abc"]
    for client in clients:
        queue.submit(client.ticket)
    for client, name in zip(clients, "ABC"):
        assert client.texts == [f"{name}{number}" for number in range(23)]
    assert sum(len(batch) for batch in body.batches) == 69
    assert max(len(batch) for batch in body.batches) <= 7
    assert queue.waiting == (0, 0)


def test_waiting_tickets_share_a_batch(batcher):
    queue = batcher()
    body, gate, first = held(queue)
    others = [Client(body, "a"), Client(body, "b", "c")]
    for each in others:
        queue.submit(each.ticket)
    gate.set()
    assert [each.texts for each in others] == [["A"], ["B", "C"]]
    assert first.texts == ["FIRST"]
    assert body.batches == [["first"], ["a", "b", "c"]]


def test_a_document_does_not_keep_a_sentence_waiting(batcher):
    queue = batcher(tokens=10)
    body, gate, _ = held(queue)
    document, sentence = Client(body, *(f"d{number}" for number in range(100))), Client(body, "s")
    queue.submit(document.ticket)
    queue.submit(sentence.ticket)
    gate.set()
    assert sentence.texts == ["S"] and document.texts[99] == "D99"
    assert "s" in body.batches[1] and len(body.batches[1]) == 10


def test_other_bodies_and_options_make_their_own_batches_and_get_their_turn(batcher):
    queue = batcher(tokens=4)
    body, gate, _ = held(queue)
    other = Body()
    beams = DecodingOptions(beam_size=2)
    long, elsewhere, wide = Client(body, *"abcdefgh"), Client(other, "x"), Client(body, "y", options=beams)
    for each in (long, elsewhere, wide):
        queue.submit(each.ticket)
    gate.set()
    assert long.texts == list("ABCDEFGH") and elsewhere.texts == ["X"] and wide.texts == ["Y"]
    assert other.batches == [["x"]]
    # The long one was first, but between its two batches the others had theirs.
    assert body.batches == [["first"], ["a", "b", "c", "d"], ["y"], ["e", "f", "g", "h"]]
    assert body.options[2] is beams


def test_a_short_window_gathers_clients(batcher):
    queue, body = batcher(window=0.5), Body()
    clients = [Client(body, text) for text in "abc"]
    for client in clients:
        queue.submit(client.ticket)
    assert [client.texts for client in clients] == [["A"], ["B"], ["C"]]
    assert len(body.batches) == 1


def test_a_full_batch_does_not_wait(batcher):
    queue, body = batcher(window=60, tokens=3), Body()
    client = Client(body, *"abc")
    queue.submit(client.ticket)
    assert client.texts == list("ABC")


@pytest.mark.parametrize(("num_texts", "sizes"), [(40, [20, 20]), (6, [6])])
def test_idle_workers_share_what_waits_if_it_is_not_too_little(batcher, num_texts, sizes):
    queue, gate = batcher(tokens=1000, num_workers=2), threading.Event()
    body = Body(gate)
    wait_for(lambda: queue._num_idle == 2)
    client = Client(body, *map(str, range(num_texts)), tokens=10)
    queue.submit(client.ticket)
    wait_for(lambda: len(body.batches) == len(sizes))
    gate.set()
    assert client.texts == [str(number) for number in range(num_texts)]
    assert [len(batch) for batch in body.batches] == sizes


def test_clients_that_come_back_one_by_one_are_waited_for(batcher):
    """A batch of three, which took a while, is followed by a batch of three, not by one and two."""
    queue = batcher()
    queue._usual_seconds = 10.0
    body, gate, _ = held(queue)
    for text in "abc":
        queue.submit(Client(body, text).ticket)
    gate.set()
    wait_for(lambda: queue.counts.pieces == 4)
    queue._usual_seconds = 10.0
    again = [Client(body, text) for text in "def"]
    for client in again:
        queue.submit(client.ticket)
        time.sleep(0.01)
    assert [client.texts for client in again] == [["D"], ["E"], ["F"]]
    assert body.batches == [["first"], ["a", "b", "c"], ["d", "e", "f"]]


def test_a_text_larger_than_a_batch_is_translated_alone(batcher):
    queue, body = batcher(tokens=5), Body()
    client = Client(body, "a", "b", tokens=50)
    queue.submit(client.ticket)
    assert client.texts == ["A", "B"] and body.batches == [["a"], ["b"]]


def test_a_failure_spoils_only_its_own_request_and_logs_no_text(batcher, caplog):
    queue = batcher()
    body, gate, _ = held(queue)
    good, bad = Client(body, "good"), Client(body, "bad", "fine")
    queue.submit(good.ticket)
    queue.submit(bad.ticket)
    gate.set()
    assert good.texts == ["GOOD"]
    assert bad.done.wait(10) and [str(error) for error in bad.errors] == ["an engine's failure"]
    assert "RuntimeError" in caplog.text and "bad" not in caplog.text and "failure" not in caplog.text
    after = Client(body, "after")
    queue.submit(after.ticket)
    assert after.texts == ["AFTER"]


def test_a_cancelled_request_is_not_translated(batcher):
    queue = batcher()
    body, gate, _ = held(queue)
    gone, stays = Client(body, "gone"), Client(body, "stays")
    queue.submit(gone.ticket)
    queue.submit(stays.ticket)
    queue.cancel(gone.ticket)
    gate.set()
    assert stays.texts == ["STAYS"]
    assert body.batches == [["first"], ["stays"]] and gone.results == {}


@pytest.mark.parametrize("most", [{"waiting_requests": 2}, {"waiting_tokens": 60}])
def test_a_full_queue_refuses(batcher, most):
    queue = batcher(**most)
    body, gate, _ = held(queue)
    queue.submit(Client(body, "a", tokens=70).ticket)  # alone it may be as large as it likes
    if "waiting_requests" in most:
        queue.submit(Client(body, "b").ticket)
    with pytest.raises(Refusal) as full:
        queue.submit(Client(body, "c").ticket)
    assert (full.value.status, full.value.headers, queue.counts.refused) == (503, {"Retry-After": "2"}, 1)
    gate.set()


def test_closing_finishes_what_waits(batcher):
    queue = batcher(tokens=1)
    body, gate, first = held(queue)
    waiting = Client(body, "a", "b")
    queue.submit(waiting.ticket)
    threading.Thread(target=lambda: (time.sleep(0.05), gate.set())).start()
    queue.close(10)
    assert first.texts == ["FIRST"] and waiting.texts == ["A", "B"]
    with pytest.raises(Refusal, match="shutting down"):
        queue.submit(Client(body, "late").ticket)


class Repeating(Body):
    def output(self, text, options):
        return "fine" if options.no_repeat_ngram else "the dog " * 9


@pytest.mark.parametrize(
    ("text", "guard", "expected", "ngrams"),
    [
        ("hund", True, "fine", [0, 3]),
        ("hund " * 9, True, "the dog " * 9, [0]),  # a source that repeats itself may be translated so
        ("hund", False, "the dog " * 9, [0]),
    ],
)
def test_what_repeats_itself_is_translated_again(batcher, text, guard, expected, ngrams):
    queue, body = batcher(repetition_guard=guard), Repeating()
    client = Client(body, text)
    queue.submit(client.ticket)
    assert client.texts == [expected]
    assert [options.no_repeat_ngram for options in body.options] == ngrams
    assert queue.counts.guarded == (len(ngrams) == 2)
