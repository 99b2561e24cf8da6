import subprocess
import sys

import numpy
import pytest

from crosslate.errors import InputError, UsageError
from crosslate.evaluation.lexicon import LexiconExample, induce, nearest_neighbours

PARENT = ["</s>", "▁chat", "▁chien", "▁maison", "▁Maison", "on", "▁mai", "▁noir"]
CHILD = ["</s>", "▁Katze", "▁Hund", "▁Haus", "haus", "▁schwarz", "▁und", "▁Kater"]
DICTIONARY = {
    "katze": {"chat", "chatte"},
    "kater": {"matou", "chat"},
    "hund": ["chien"],
    "haus": ("maison",),
    "schwarz": {"noir", "noire"},
    "und": {"et"},
    "baum": {"arbre"},
}


def rows(*directions, width=8):
    """One row per direction: a unit vector, or a mix given as {direction: weight}."""
    matrix = numpy.zeros((len(directions), width), dtype=numpy.float32)
    for row, direction in enumerate(directions):
        for index, weight in (direction if isinstance(direction, dict) else {direction: 1.0}).items():
            matrix[row, index] = weight
    return matrix


PARENT_ROWS = rows(0, 1, 2, 3, {3: 1.0, 4: 0.5}, 5, 6, 7)


class TestNearestNeighbours:
    def test_by_hand(self):
        child = numpy.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
        parent = numpy.array([[0.0, 1.0], [5.0, 0.0], [-1.0, 0.0]])
        indices, cosines = nearest_neighbours(child, parent, 3)
        assert indices.tolist() == [[1, 0, 2], [0, 1, 2], [0, 1, 2]]
        half = 0.5**0.5
        numpy.testing.assert_allclose(cosines, [[1, 0, -1], [1, 0, 0], [half, half, -half]], atol=1e-6)
        assert indices.dtype == numpy.int64 and cosines.dtype == numpy.float32

    def test_length_does_not_count(self):
        # By dot product the long row 0 would be nearest.
        indices, _ = nearest_neighbours(numpy.array([[1.0, 0.1]]), numpy.array([[50.0, 50.0], [1.0, 0.0]]), 1)
        assert indices.tolist() == [[1]]

    def test_of_equal_rows_the_lower_index_comes_first(self):
        parent = numpy.ones((9, 3))
        indices, _ = nearest_neighbours(numpy.ones((2, 3)), parent, 4)
        assert indices.tolist() == [[0, 1, 2, 3]] * 2

    def test_a_row_of_zeros_is_near_nothing(self):
        indices, cosines = nearest_neighbours(numpy.zeros((1, 2)), numpy.array([[1.0, 0.0], [0.0, 1.0]]), 2)
        assert cosines.tolist() == [[0.0, 0.0]]
        assert indices.tolist() == [[0, 1]]

    def test_extreme_lengths(self):
        child = numpy.array([[1e-30, 0.0], [0.0, 1e30]])
        parent = numpy.array([[0.0, 1e-35], [1e35, 0.0]])
        indices, cosines = nearest_neighbours(child, parent, 1)
        assert indices.tolist() == [[1], [0]]
        numpy.testing.assert_allclose(cosines, 1.0, atol=1e-6)

    @pytest.mark.parametrize("chunk", [1, 7, 1000])
    def test_chunks_do_not_matter(self, chunk):
        generator = numpy.random.default_rng(0)
        child, parent = generator.standard_normal((50, 16)), generator.standard_normal((80, 16))
        unit = parent / numpy.linalg.norm(parent, axis=1, keepdims=True)
        expected = numpy.argsort(-(child @ unit.T), axis=1)[:, :5]
        indices, _ = nearest_neighbours(child, parent, 5, chunk)
        assert numpy.array_equal(indices, expected)

    def test_the_matrices_stay_as_they_were(self):
        child, parent = rows(1, 2) * 3, rows(2, 3) * 5
        nearest_neighbours(child, parent, 1)
        assert child.max() == 3 and parent.max() == 5

    def test_refusals(self):
        with pytest.raises(InputError, match="width 4, the parent's 8"):
            nearest_neighbours(rows(1, width=4), rows(1), 1)
        with pytest.raises(InputError, match="not finite"):
            nearest_neighbours(rows(1), rows({1: float("nan")}), 1)
        with pytest.raises(InputError, match="expected \\(pieces, width\\)"):
            nearest_neighbours(numpy.zeros(3), rows(1), 1)
        with pytest.raises(InputError, match="neither 0"):
            nearest_neighbours(rows(1), numpy.zeros((0, 8)), 1)
        with pytest.raises(UsageError, match="3 nearest neighbours asked for, expected 1 to 2"):
            nearest_neighbours(rows(1), rows(1, 2), 3)
        with pytest.raises(UsageError, match="chunk is 0"):
            nearest_neighbours(rows(1), rows(1, 2), 1, 0)


class TestInduce:
    def score(self, *child_rows, **options):
        return induce(CHILD, rows(*child_rows), PARENT, PARENT_ROWS, DICTIONARY, **options)

    def test_perfectly_aligned(self):
        score = self.score(0, 1, 2, 3, 3, 7, 0, 1)
        # Katze, Hund, Haus, schwarz, Kater; not "haus" (continues a word), "und" ("et" is no piece).
        assert score.num_words == 5
        assert score.num_pieces == 8
        assert score.num_candidates == 6
        assert score.coverage == pytest.approx(100 * 5 / 7)
        assert (score.precision_at_1, score.precision_at_5, score.precision_at_10) == (100, 100, 100)

    def test_ranks_count(self):
        # Katze: first. Hund: second, behind noir. Haus: chat, chien and noir are nearer. schwarz: opposite.
        score = self.score(
            0,
            1,
            {7: 1.0, 2: 0.9},
            {1: 3, 2: 2, 7: 2.5, 3: 1, 6: 0.5},
            0,
            {1: 5, 2: 4, 3: 3, 6: 2, 7: -1},
            0,
            1,
        )
        assert [example.rank for example in score.examples] == [1, 2, 4, 6, 1]
        assert score.precision_at_1 == pytest.approx(100 * 2 / 5)
        assert score.precision_at_5 == pytest.approx(100 * 4 / 5)
        assert score.precision_at_10 == 100
        assert score.examples[1] == LexiconExample("Hund", score.examples[1].found, ("chien",), 2)
        assert score.examples[1].found[:2] == ("noir", "chien")
        assert len(score.examples[1].found) == 5

    def test_candidates_may_be_any_piece(self):
        # "on" is nearest to Haus; as it continues a word it is no candidate by default.
        child = (0, 1, 2, {5: 1.0, 3: 0.5}, 3, 7, 0, 1)
        assert self.score(*child).precision_at_1 == 100
        score = self.score(*child, whole_words_only=False)
        assert score.num_candidates == 8
        assert score.precision_at_1 == pytest.approx(80)

    def test_candidates_may_be_limited_to_known_words(self):
        child = (0, 1, 2, {6: 1.0, 3: 0.5}, 3, 7, 0, 1)  # "mai" is the beginning of maison
        assert self.score(*child).precision_at_1 == pytest.approx(80)
        score = self.score(*child, parent_words={"chat", "chien", "MAISON", "noir"})
        assert (score.num_candidates, score.precision_at_1) == (5, 100)

    def test_case_counts_if_asked(self):
        with pytest.raises(InputError, match="no word can be tested"):
            induce(["▁Katze"], rows(1), PARENT, PARENT_ROWS, DICTIONARY, ignore_case=False)
        score = self.score(0, 1, 2, 3, 3, 7, 0, 1, ignore_case=False)
        assert [example.word for example in score.examples] == ["schwarz"]

    def test_either_case_of_a_candidate_is_right(self):
        score = self.score(0, 1, 2, {3: 1.0, 4: 0.5}, 3, 7, 0, 1)
        assert score.examples[2].found[0] == "Maison"
        assert score.precision_at_1 == 100

    def test_pieces_that_differ_in_case_only_are_each_tested(self):
        score = induce(["▁Hund", "▁hund"], rows(2, 1), PARENT, PARENT_ROWS, DICTIONARY)
        assert (score.num_words, score.precision_at_1) == (2, 50)
        assert score.coverage == pytest.approx(100 / 7)

    def test_examples_are_spread(self):
        score = self.score(0, 1, 2, 3, 3, 7, 0, 1, num_examples=2)
        assert [example.word for example in score.examples] == ["Katze", "Haus"]
        assert self.score(0, 1, 2, 3, 3, 7, 0, 1, num_examples=0).examples == ()

    def test_refusals(self):
        with pytest.raises(InputError, match="the child has 8 pieces and a matrix of shape \\(1, 8\\)"):
            self.score(1)
        with pytest.raises(InputError, match="the parent has 1 pieces"):
            induce(CHILD, rows(*range(8)), ["▁x"], PARENT_ROWS, DICTIONARY)
        with pytest.raises(InputError, match="dictionary is empty"):
            induce(CHILD, rows(*range(8)), PARENT, PARENT_ROWS, {})
        with pytest.raises(InputError, match="maps 'hund' to the text 'chien'"):
            induce(CHILD, rows(*range(8)), PARENT, PARENT_ROWS, {"hund": "chien"})
        with pytest.raises(InputError, match="the right way round"):
            induce(PARENT, PARENT_ROWS, CHILD, rows(*range(8)), DICTIONARY)


def test_no_torch():
    program = "import sys, crosslate.evaluation.lexicon; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
