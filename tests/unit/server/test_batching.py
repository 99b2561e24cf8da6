"""The queue: who is served when, what a failure spoils, and that nothing is lost."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest

from crosslate.engines.decoding import DecodingOptions, Hypothesis
from crosslate.server import batching as module
from crosslate.server.answers import Refusal
from crosslate.server.backends import Model
from crosslate.server.batching import Batcher, Piece, Ticket
from crosslate.server.settings import QueueSettings
from toy_server import wait_for

GREEDY = DecodingOptions(beam_size=1)


class Body:
    """Upper-cases, or repeats itself where it may; keeps its batches; waits at a gate if there is one."""

    def __init__(self, gate: threading.Event | None = None, *, repeats=False):
        self.gate, self.repeats = gate, repeats
        self.batches: list[list[str]] = []
        self.options: list[DecodingOptions] = []
        self.entered = threading.Event()

    def __call__(self, items, options):
        self.batches.append([text for _, text in items])
        self.options.append(options)
        self.entered.set()
        if self.gate:
            assert self.gate.wait(10)
        if any("bad" in text for _, text in items):
            raise RuntimeError("an engine's failure")
        repeated = "the dog " * 9 if self.repeats and not options.no_repeat_ngram else ""
        return [[Hypothesis(repeated or text.upper(), 0.0, ())] for _, text in items]


class Client:
    """A ticket in a queue, and what it received."""

    def __init__(self, queue, body, *texts, options=GREEDY, tokens=1):
        self.results: dict[int, str] = {}
        self.errors: list[Exception] = []
        self.done = threading.Event()
        self.expected = len(texts)
        model = Model(None, None, body)
        pieces = deque(Piece(index, model, text, tokens) for index, text in enumerate(texts))
        self.ticket = Ticket(pieces, options, self._deliver)
        queue.submit(self.ticket)

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


def held(queue):
    """A body at whose gate a first ticket waits, so that the next ones queue up behind it; and the gate."""
    body = Body(threading.Event())
    Client(queue, body, "first")
    assert body.entered.wait(10)
    return body, body.gate


def test_every_text_comes_back_in_its_place(batcher):
    queue, body = batcher(tokens=7), Body()
    clients = [Client(queue, body, *(f"{name}{number}" for number in range(23))) for name in "abc"]
    for client, name in zip(clients, "ABC"):
        assert client.texts == [f"{name}{number}" for number in range(23)]
    assert sum(map(len, body.batches)) == 69 and max(map(len, body.batches)) <= 7
    assert queue.waiting == (0, 0)


def test_waiting_tickets_share_a_batch_and_what_was_cancelled_is_left_out(batcher):
    queue = batcher()
    body, gate = held(queue)
    gone, *others = Client(queue, body, "gone"), Client(queue, body, "a"), Client(queue, body, "b", "c")
    queue.cancel(gone.ticket)
    gate.set()
    assert [each.texts for each in others] == [["A"], ["B", "C"]]
    assert body.batches == [["first"], ["a", "b", "c"]] and gone.results == {}


def test_a_document_does_not_keep_a_sentence_waiting(batcher):
    queue = batcher(tokens=10)
    body, gate = held(queue)
    document = Client(queue, body, *(f"d{number}" for number in range(100)))
    sentence = Client(queue, body, "s")
    gate.set()
    assert sentence.texts == ["S"] and document.texts[99] == "D99"
    assert "s" in body.batches[1] and len(body.batches[1]) == 10


@pytest.fixture
def lasting(monkeypatch):
    """After a short request others are expected for as long as a test takes."""
    monkeypatch.setattr(module, "_LATELY_SECONDS", 1000.0)


@pytest.mark.parametrize(("is_short_before", "size"), [(True, 13), (False, 100)])
def test_batches_of_long_requests_are_short_while_short_ones_come(batcher, lasting, is_short_before, size):
    queue, body = batcher(tokens=1000), Body()
    if is_short_before:
        assert Client(queue, Body(), "s").texts == ["S"]
    assert Client(queue, body, *map(str, range(100)), tokens=10).texts == list(map(str, range(100)))
    assert len(body.batches[0]) == size


def test_the_last_worker_stays_free_for_short_requests(batcher, lasting):
    queue, body, long_body = batcher(num_workers=2), Body(), Body(threading.Event())
    assert Client(queue, body, "a").texts == ["A"]
    long = [Client(queue, long_body, *map(str, range(50)), tokens=10) for _ in range(2)]
    assert long_body.entered.wait(10)
    assert Client(queue, body, "b").texts == ["B"] and len(long_body.batches) == 1
    long_body.gate.set()
    assert [each.texts for each in long] == [list(map(str, range(50)))] * 2


def test_long_requests_get_every_other_batch_of_a_worker_beside_short_ones(batcher, lasting):
    queue, busy, body = batcher(num_workers=2), Body(threading.Event()), Body()
    Client(queue, busy, "x")  # takes one of the workers
    assert busy.entered.wait(10)
    gate = body.gate = threading.Event()
    short = [Client(queue, body, "a")]
    assert body.entered.wait(10)
    long = Client(queue, body, *map(str, range(60)), tokens=10)
    short += [Client(queue, body, text) for text in "bc"]
    gate.set()
    assert [each.texts for each in [*short, long]] == [["A"], ["B"], ["C"], list(map(str, range(60)))]
    assert [[text for text in batch if text in "abc"] for batch in body.batches[:3]] == [
        ["a"],
        [],
        ["b", "c"],
    ]
    busy.gate.set()


def test_other_bodies_and_options_make_their_own_batches_and_get_their_turn(batcher):
    queue = batcher(tokens=4)
    body, gate = held(queue)
    other, beams = Body(), DecodingOptions(beam_size=2)
    long, elsewhere = Client(queue, body, *"abcdefgh"), Client(queue, other, "x")
    wide = Client(queue, body, "y", options=beams)
    gate.set()
    assert long.texts == list("ABCDEFGH") and elsewhere.texts == ["X"] and wide.texts == ["Y"]
    assert other.batches == [["x"]]
    # The long one was first, but between its two batches the others had theirs.
    assert body.batches == [["first"], ["a", "b", "c", "d"], ["y"], ["e", "f", "g", "h"]]
    assert body.options[2] is beams


@pytest.mark.parametrize(
    ("window", "tokens", "sizes"),
    [
        pytest.param(0.5, 100, [3], id="a short window gathers clients"),
        pytest.param(60, 3, [3], id="a full batch does not wait"),
    ],
)
def test_the_window(batcher, window, tokens, sizes):
    queue, body = batcher(window=window, tokens=tokens), Body()
    clients = [Client(queue, body, text) for text in "abc"]
    assert [client.texts for client in clients] == [["A"], ["B"], ["C"]]
    assert [len(batch) for batch in body.batches] == sizes


@pytest.mark.parametrize(("num_texts", "sizes"), [(40, [20, 20]), (6, [6])])
def test_idle_workers_share_what_waits_if_it_is_not_too_little(batcher, num_texts, sizes):
    queue, body = batcher(tokens=1000, num_workers=2), Body(threading.Event())
    wait_for(lambda: queue._num_idle == 2)
    client = Client(queue, body, *map(str, range(num_texts)), tokens=10)
    wait_for(lambda: len(body.batches) == len(sizes))
    body.gate.set()
    assert client.texts == [str(number) for number in range(num_texts)]
    assert [len(batch) for batch in body.batches] == sizes


def test_clients_that_come_back_one_by_one_are_waited_for(batcher):
    """A batch of three, which took a while, is followed by a batch of three, not by one and two."""
    queue = batcher()
    queue._usual_seconds = 10.0
    body, gate = held(queue)
    for text in "abc":
        Client(queue, body, text)
    gate.set()
    wait_for(lambda: queue.counts.pieces == 4)
    queue._usual_seconds = 10.0
    again = []
    for text in "def":
        again.append(Client(queue, body, text))
        time.sleep(0.01)
    assert [client.texts for client in again] == [["D"], ["E"], ["F"]]
    assert body.batches == [["first"], ["a", "b", "c"], ["d", "e", "f"]]


def test_a_text_larger_than_a_batch_is_translated_alone(batcher):
    body = Body()
    assert Client(batcher(tokens=5), body, "a", "b", tokens=50).texts == ["A", "B"]
    assert body.batches == [["a"], ["b"]]


def test_a_failure_spoils_only_its_own_request_and_logs_no_text(batcher, caplog):
    queue = batcher()
    body, gate = held(queue)
    good, bad = Client(queue, body, "good"), Client(queue, body, "bad", "fine")
    gate.set()
    assert good.texts == ["GOOD"]
    assert bad.done.wait(10) and [str(error) for error in bad.errors] == ["an engine's failure"]
    assert "RuntimeError" in caplog.text and "bad" not in caplog.text and "failure" not in caplog.text
    assert Client(queue, body, "after").texts == ["AFTER"]


@pytest.mark.parametrize("most", [{"waiting_requests": 2}, {"waiting_tokens": 60}])
def test_a_full_queue_refuses(batcher, most):
    queue = batcher(**most)
    body, gate = held(queue)
    Client(queue, body, "a", tokens=70)  # alone it may be as large as it likes
    if "waiting_requests" in most:
        Client(queue, body, "b")
    with pytest.raises(Refusal) as full:
        Client(queue, body, "c")
    assert (full.value.status, full.value.headers, queue.counts.refused) == (503, {"Retry-After": "2"}, 1)
    gate.set()


def test_closing_finishes_what_waits(batcher):
    queue = batcher(tokens=1)
    body, gate = held(queue)
    waiting = Client(queue, body, "a", "b")
    threading.Timer(0.05, gate.set).start()
    queue.close(10)
    assert waiting.texts == ["A", "B"]
    with pytest.raises(Refusal, match="shutting down"):
        Client(queue, body, "late")


@pytest.mark.parametrize(
    ("text", "guard", "expected", "ngrams"),
    [
        ("hund", True, "HUND", [0, 3]),
        ("hund " * 9, True, "the dog " * 9, [0]),  # a source that repeats itself may be translated so
        ("hund", False, "the dog " * 9, [0]),
    ],
)
def test_what_repeats_itself_is_translated_again(batcher, text, guard, expected, ngrams):
    queue, body = batcher(repetition_guard=guard), Body(repeats=True)
    assert Client(queue, body, text).texts == [expected]
    assert [options.no_repeat_ngram for options in body.options] == ngrams
    assert queue.counts.guarded == (len(ngrams) == 2)
