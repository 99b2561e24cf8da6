"""CSLS and dot products, by hand and against a plain computation; block by block like all at once."""

import numpy
import pytest

from crosslate.errors import UsageError
from crosslate.evaluation.similarity import mean_similarity, nearest_neighbours


def angle(*degrees):
    radians = numpy.radians(numpy.array(degrees, dtype=numpy.float64))
    return numpy.stack([numpy.cos(radians), numpy.sin(radians)], axis=1)


def plain_csls(child, parent, context, k=10):
    def unit(rows):
        return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)

    child, parent, context = unit(child), unit(parent), unit(context)

    def crowding(rows, others):
        return numpy.sort(rows @ others.T, axis=1)[:, -k:].mean(axis=1)

    return 2 * child @ parent.T - crowding(child, parent)[:, None] - crowding(parent, context)[None, :]


def test_csls_is_what_its_formula_says():
    random = numpy.random.default_rng(3)
    child, parent, context = (random.standard_normal((count, 16)) for count in (7, 900, 40))
    expected = plain_csls(child, parent, context)
    indices, values = nearest_neighbours(child, parent, 4, chunk=3, measure="csls", context=context)
    order = numpy.argsort(-expected, axis=1)[:, :4]
    assert (indices == order).all()
    numpy.testing.assert_allclose(values, numpy.take_along_axis(expected, order, axis=1), atol=1e-5)


def test_csls_finds_a_hub_less_often():
    # The hub at 0 degrees is nearest to all by cosine; the words around it are its crowd.
    child = angle(-20, -10, 10, 20)
    parent = angle(0, 45)
    assert nearest_neighbours(child, parent, 1)[0][:, 0].tolist() == [0, 0, 0, 0]
    assert nearest_neighbours(child, parent, 1, measure="csls")[0][:, 0].tolist() == [0, 0, 0, 1]


def test_the_dot_product_prefers_long_rows():
    parent = numpy.array([[1.0, 0.0], [5.0, 5.0]])
    assert nearest_neighbours(numpy.array([[1.0, 0.0]]), parent, 1, measure="dot")[0].tolist() == [[1]]
    assert nearest_neighbours(numpy.array([[1.0, 0.0]]), parent, 1, measure="cosine")[0].tolist() == [[0]]


@pytest.mark.parametrize("count", [5, 333, 1000])
def test_the_mean_of_the_nearest_is_exact_for_any_number_of_columns(count):
    random = numpy.random.default_rng(1)
    rows, others = (random.standard_normal((n, 8)).astype(numpy.float32) for n in (6, count))
    expected = numpy.sort(rows @ others.T, axis=1)[:, -10:].mean(axis=1)
    numpy.testing.assert_allclose(mean_similarity(rows, others, chunk=4), expected, rtol=1e-5)


def test_an_unknown_measure_is_refused():
    with pytest.raises(UsageError, match="did you mean 'csls'"):
        nearest_neighbours(angle(0), angle(0), 1, measure="clss")
