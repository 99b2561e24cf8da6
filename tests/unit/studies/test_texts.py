"""Texts of a study: refused before anything is run where they cannot be read, and where they change under it."""

import pytest

import toy_study
from crosslate.errors import InputError
from crosslate.studies.analyses import parents, plan_study, work
from crosslate.studies.plan import check_texts
from crosslate.studies.run import Place, work_on
from crosslate.studies.store import Output, Store
from crosslate.studies.texts import Library, PlacedText, Text

PARENT = {
    "name": "fr-en", "source": "fr", "target": "en", "size": toy_study.SIZE, "training": toy_study.TRAINING,
    "text": {role: {"files": [f"{role}.{{source}}", f"{role}.{{target}}"]} for role in ("train", "valid", "test")},
    "source_vocabulary": 300, "target_vocabulary": 300,
}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    for role in ("train", "valid", "test"):
        for language in ("fr", "en"):
            (tmp_path / f"{role}.{language}").write_text("one\ntwo\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def cells(data):
    study = toy_study.recipe(parents=[PARENT], children=[], denoisers=[], zero_shot=[], dictionaries={})
    return plan_study(study, Library(data))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("test.en", b"one\n", "test.fr has 2 lines and .*test.en has 1"), ("valid.fr", b"\xff\n\n", "valid.fr")],
)
def test_a_test_set_that_cannot_be_read_is_refused_before_hours_of_training(
    data, cells, name, content, message
):
    check_texts(cells, Library(data))
    (data / name).write_bytes(content)
    with pytest.raises(InputError, match=f"(?s)cannot use the texts of the study.*{message}"):
        check_texts(cells, Library(data))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_result_is_not_stored_under_the_hash_of_another_text(data, cells, monkeypatch, is_early):
    place = Place(data / "study", data)

    def change(*_):
        (data / "train.fr").write_text("one\n", encoding="utf-8")
        return Output({"found": 1})

    monkeypatch.setattr(parents.Parents, "work", change)
    if is_early:
        change()
    outcome = work_on(cells[0], place, work)
    assert outcome.status == "failed"
    assert "the text 'train' of parent fr-en has changed since the study was planned" in outcome.error
    assert not Store(place.study).is_done(cells[0])


class FakeTestSet:
    """A test set as sacreBLEU has it, with files that are already there."""

    def __init__(self, folder, *pairs):
        self.folder, self.langpairs = folder, dict.fromkeys(pairs)
        for pair in pairs:
            for side, language in zip(("source", "target"), pair.split("-"), strict=True):
                (folder / f"{pair}.{side}").write_text(f"{language}\n", encoding="utf-8")

    def get_source_file(self, pair):
        return str(self.folder / f"{pair}.source")

    def get_reference_files(self, pair):
        return [str(self.folder / f"{pair}.target")]


class TestFetching:
    PLACED = PlacedText(Text(sacrebleu="toy/a"), "de", "es")

    @pytest.fixture
    def test_set(self, tmp_path, monkeypatch):
        (tmp_path / "cache").mkdir()
        found = FakeTestSet(tmp_path / "cache", "en-de", "en-es", "de-fr")
        monkeypatch.setattr("sacrebleu.dataset.DATASETS", {"toy/a": found})
        return found

    def test_two_pairs_with_english_give_a_third_once(self, test_set, tmp_path):
        library = Library(tmp_path)
        library.check(self.PLACED)
        assert not (tmp_path / "fetched").exists()
        library.fetch(self.PLACED)
        assert list(library.load(self.PLACED)) == [("de", "es")]
        assert sorted(path.name for path in (tmp_path / "fetched").iterdir()) == ["sacrebleu-toy-a-de-es"]
        for path in test_set.folder.iterdir():
            path.unlink()
        library.fetch(self.PLACED)  # from the folder of the data

    def test_pairs_that_do_not_fit_are_refused(self, test_set, tmp_path):
        with pytest.raises(InputError, match="has neither es-fr nor both en-es and en-fr"):
            Library(tmp_path).check(PlacedText(Text(sacrebleu="toy/a"), "es", "fr"))
        (test_set.folder / "en-es.source").write_text("other\n", encoding="utf-8")
        with pytest.raises(
            InputError, match="cannot combine en-de and en-es of sacreBLEU's toy/a: the English"
        ):
            Library(tmp_path).fetch(self.PLACED)

    @pytest.mark.parametrize("error", [OSError("no network"), SystemExit(1)])
    def test_a_failed_download_says_what_to_do(self, test_set, tmp_path, monkeypatch, error):
        def fail(pair):
            raise error

        monkeypatch.setattr(test_set, "get_source_file", fail)
        with pytest.raises(
            InputError, match=r"cannot download toy/a: .*copy .*fetched from a machine that has one"
        ):
            Library(tmp_path).fetch(self.PLACED)


def test_a_model_is_identified_by_its_weights_in_either_format(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"1")
    first = Library(tmp_path).model_identity("model")
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"22")
    assert Library(tmp_path).model_identity("model") != first
    assert Library(tmp_path).model_identity("elsewhere") == {"load": "elsewhere"}
    assert [Library(tmp_path).is_missing(name) for name in ("model", "elsewhere", "hub/id")] == [
        False,
        True,
        False,
    ]
