"""Nearest rows by cosine, CSLS and dot product: by hand, against a plain computation, in blocks of any size."""

import numpy
import pytest

from crosslate.errors import InputError
from crosslate.evaluation import similarity
from crosslate.evaluation.similarity import nearest_neighbours


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


def test_by_hand():
    child = numpy.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    parent = numpy.array([[0.0, 1.0], [5.0, 0.0], [-1.0, 0.0]])
    before = child.copy(), parent.copy()
    indices, cosines = nearest_neighbours(child, parent, 3)
    assert indices.tolist() == [[1, 0, 2], [0, 1, 2], [0, 1, 2]]
    half = 0.5**0.5
    numpy.testing.assert_allclose(cosines, [[1, 0, -1], [1, 0, 0], [half, half, -half]], atol=1e-6)
    assert indices.dtype == numpy.int64 and cosines.dtype == numpy.float32
    assert (child == before[0]).all() and (parent == before[1]).all()


def test_odd_rows():
    # Of equal rows the lower index comes first; a row of zeros is near nothing; no length is too extreme.
    assert nearest_neighbours(numpy.ones((2, 3)), numpy.ones((9, 3)), 4)[0].tolist() == [[0, 1, 2, 3]] * 2
    assert nearest_neighbours(numpy.zeros((1, 2)), angle(0, 90), 2)[1].tolist() == [[0.0, 0.0]]
    child, parent = numpy.array([[1e-30, 0.0], [0.0, 1e30]]), numpy.array([[0.0, 1e-35], [1e35, 0.0]])
    indices, cosines = nearest_neighbours(child, parent, 1)
    assert indices.tolist() == [[1], [0]]
    numpy.testing.assert_allclose(cosines, 1.0, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_do_not_matter(monkeypatch, chunk):
    monkeypatch.setattr(similarity, "_CHUNK", chunk)
    generator = numpy.random.default_rng(0)
    child, parent = generator.standard_normal((50, 16)), generator.standard_normal((80, 16))
    unit = parent / numpy.linalg.norm(parent, axis=1, keepdims=True)
    expected = numpy.argsort(-(child @ unit.T), axis=1)[:, :5]
    assert numpy.array_equal(nearest_neighbours(child, parent, 5)[0], expected)


def test_the_dot_product_prefers_long_rows():
    parent = numpy.array([[1.0, 0.0], [5.0, 5.0]])
    for measure, expected in (("dot", 1), ("cosine", 0)):
        found, _ = nearest_neighbours(numpy.array([[1.0, 0.0]]), parent, 1, measure=measure)
        assert found.tolist() == [[expected]]


def test_csls_is_its_formula(monkeypatch):
    monkeypatch.setattr(similarity, "_CHUNK", 3)
    random = numpy.random.default_rng(3)
    child, parent, context = (random.standard_normal((count, 16)) for count in (7, 900, 40))
    expected = plain_csls(child, parent, context)
    indices, values = nearest_neighbours(child, parent, 4, measure="csls", context=context)
    order = numpy.argsort(-expected, axis=1)[:, :4]
    assert (indices == order).all()
    numpy.testing.assert_allclose(values, numpy.take_along_axis(expected, order, axis=1), atol=1e-5)


def test_csls_finds_a_hub_less_often():
    # The hub at 0 degrees is nearest to all by cosine; the words around it are its crowd.
    child, parent = angle(-20, -10, 10, 20), angle(0, 45)
    assert nearest_neighbours(child, parent, 1)[0][:, 0].tolist() == [0, 0, 0, 0]
    assert nearest_neighbours(child, parent, 1, measure="csls")[0][:, 0].tolist() == [0, 0, 0, 1]


def test_what_has_diverged_is_refused():
    with pytest.raises(InputError, match="not finite"):
        nearest_neighbours(angle(0), angle(float("nan")), 1)
