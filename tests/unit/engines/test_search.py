"""Beam search on a model whose probabilities are written down."""

import numpy
import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.search import Rules, best_of, log_sums, search

END, A, B = 0, 1, 2
RULES = Rules(start=3, end=END, forced_first=None, suppressed=numpy.array([3]))


class Written:
    """Probabilities of END, A and B after what a row has written; others 0."""

    def __init__(self, table):
        self._table = table
        self._rows = None
        self.num_rows = []

    def logits(self, tokens, order):
        before = self._rows or [()] * (max(order) + 1)
        self._rows = [(*before[row], int(token)) for row, token in zip(order, tokens)]
        self.num_rows.append(len(tokens))
        with numpy.errstate(divide="ignore"):
            rows = [[*self._table.get(row[1:], (1, 0, 0)), 0] for row in self._rows]
            return numpy.log(numpy.array(rows, dtype=numpy.float32))


TABLE = {(): (0.1, 0.5, 0.4), (A,): (0.4, 0.3, 0.3), (B,): (0.9, 0.05, 0.05)}


def test_greedy_search_takes_the_best_token_and_a_beam_the_best_translation():
    ((greedy,),) = search(Written(TABLE), [5], RULES, DecodingOptions(beam_size=1))
    assert greedy[0] == [A, END] and greedy[1] == pytest.approx(numpy.log(0.5 / 0.9 * 0.4) / 2)
    options = DecodingOptions(beam_size=2, n_best=2, length_penalty=0)
    (found,) = search(Written(TABLE), [5], RULES, options)
    assert [ids for ids, _ in found] == [[B, END], [A, END]]
    assert [score for _, score in found] == pytest.approx([numpy.log(0.4), numpy.log(0.5 / 0.9 * 0.4)])


def test_at_the_limit_translations_end_without_the_end():
    ((found,),) = search(Written({(): (0, 1, 0)}), [1], RULES, DecodingOptions(beam_size=1))
    assert found == ([A], 0.0)


@pytest.mark.parametrize("beam", [1, 2])
def test_each_text_has_its_own_limit(beam):
    rest = {(A,) * length: (0.1, 0.8, 0.1) for length in range(9)}
    steps = Written(rest)
    found = search(steps, [3, 1, 2], RULES, DecodingOptions(beam_size=beam, length_penalty=0))
    alone = [search(Written(rest), [limit], RULES, DecodingOptions(beam_size=beam, length_penalty=0))[0]
             for limit in (3, 1, 2)]  # fmt: skip
    assert found == alone
    if beam == 1:
        assert [ids for ((ids, _),) in found] == [[A] * 3, [A], [A] * 2]
        assert steps.num_rows == [3, 2, 1]


def test_finished_texts_leave_the_batch():
    steps = Written({(): (0.1, 0.9, 0), (A,): (0.1, 0.9, 0)})
    first = steps.logits

    def one_ends(tokens, order):
        logits = first(tokens, order)
        if len(steps.num_rows) == 2:
            logits[:2] = numpy.log([0.9, 0.05, 0.05, 1e-9])
        return logits

    steps.logits = one_ends
    found = search(steps, [9] * 3, RULES, DecodingOptions(beam_size=1))
    assert steps.num_rows == [3, 3, 1]
    assert [ranked[0][0] for ranked in found] == [[A, END], [A, END], [A, A, END]]


def test_a_forced_first_token_costs_nothing():
    rules = Rules(start=3, end=END, forced_first=B, suppressed=RULES.suppressed)
    ((found,),) = search(Written(TABLE), [5], rules, DecodingOptions(beam_size=3, length_penalty=0))
    # Nor may the translation end there.
    assert found[0] == [B, A, END] and found[1] == pytest.approx(numpy.log(0.5))


@pytest.mark.parametrize("width", [5, 64, 700, 1003])
@pytest.mark.parametrize("count", [1, 3])
def test_the_best_values_of_each_row(width, count):
    values = numpy.random.default_rng(width).normal(size=(7, width)).astype(numpy.float32)
    values[:, -1] = numpy.arange(7)  # also in the columns after the last group
    best, columns = best_of(values, count)
    assert best.tolist() == numpy.sort(values, axis=1)[:, ::-1][:, :count].tolist()
    assert numpy.take_along_axis(values, columns, 1).tolist() == best.tolist()


def test_log_sums():
    logits = numpy.array([[1000.0, 1000.0], [0.0, -numpy.inf]] * 9, dtype=numpy.float32)
    assert log_sums(logits)[:, 0].tolist() == pytest.approx([1000 + numpy.log(2), 0] * 9)
