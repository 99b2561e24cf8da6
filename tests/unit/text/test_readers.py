"""Readers of parallel text: the pairs of good files, every fault of bad ones."""

import bz2
import gzip
import json
import lzma
import sys

import pytest
import zstandard

from crosslate.errors import CorpusError, MissingExtra, UsageError
from crosslate.text.corpora import read_corpus
from crosslate.text.reading import iterate_pairs, one_line

PAIRS = [("eins", "one"), ("zwei", "two")]
COMPRESSORS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.fixture
def write(tmp_path):
    def make(name: str, data: str | bytes):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return make


def faults_of(paths, *, languages=("de", "en")) -> list[str]:
    """The messages of the error that reading raises."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(paths, *languages)
    text = str(caught.value)
    heading, *rest = text.split("\n  - ")
    if not rest:
        return [heading.removeprefix("cannot read the corpus: ")]
    assert heading == f"cannot read the corpus, {len(rest)} faults:"
    return rest


# two plain files


@pytest.mark.parametrize(("source", "target"), [("", ".zst"), (".gz", ""), (".bz2", ""), (".xz", ".zst")])
def test_a_plain_pair_is_read_line_by_line(write, source, target):
    paths = (
        write(f"train.de{source}", COMPRESSORS[source](b"eins\r\nzwei\r\n")),
        write(f"train.en{target}", COMPRESSORS[target](b"one\ntwo")),
    )
    corpus = read_corpus(paths, "de", "en")
    assert list(corpus) == PAIRS
    assert (corpus.source_language, corpus.target_language) == ("de", "en")
    assert corpus.origin == f"train.de{source} + train.en{target}"


def test_empty_lines_keep_their_place(write):
    corpus = read_corpus([write("a", "\neins\n\n"), write("b", "zero\n\n\n")], "de", "en")
    assert list(corpus) == [("", "zero"), ("eins", ""), ("", "")]


def test_unequal_line_counts_are_told_for_both(write):
    paths = [write("a", "1\n2\n3\n"), write("b", "1\n2")]
    assert faults_of(paths) == [f"{paths[0]} has 3 lines and {paths[1]} has 2; expected as many in both"]
    assert faults_of([write("c", ""), paths[1]]) == [
        f"{write('c', '')} has 0 lines and {paths[1]} has 2; expected as many in both"
    ]


def test_an_empty_corpus_is_refused(write):
    assert faults_of([write("a", ""), write("b", "")]) == [
        "a + b has no pairs; expected at least one pair of sentences"
    ]


def test_all_faults_of_both_files_are_reported_at_once(write):
    source = write("a", b"ok\n\xff\nok\n")
    target = write("b", b"ok\nok\nn\0ul\nok\n")
    found = faults_of([source, target])
    assert len(found) == 3
    assert found[0].startswith(f"{source} has 3 lines and {target} has 4")
    assert found[1].startswith(f"{source}, line 2: byte 0xff at offset 3")
    assert found[2].startswith(f"{target}, line 3: has a NUL byte at offset 7")


def test_a_missing_file_does_not_hide_the_faults_of_the_other(write, tmp_path):
    found = faults_of([tmp_path / "missing", write("b", b"\xff\n")])
    assert found[0] == f"{tmp_path / 'missing'}: no such file"
    assert found[1].startswith(f"{tmp_path / 'b'}, line 1: byte 0xff")
    assert len(found) == 2
    assert faults_of([tmp_path, tmp_path / "missing"]) == [
        f"{tmp_path}: is a folder, expected a file",
        f"{tmp_path / 'missing'}: no such file",
    ]


def test_one_of_two_plain_files_may_be_standard_input(write, standard_input):
    standard_input(b"eins\nzwei")
    corpus = read_corpus(["-", write("b", "one\ntwo\n")], "de", "en")
    assert list(corpus) == PAIRS
    assert corpus.origin == "standard input + b"
    with pytest.raises(UsageError, match="standard input cannot be both sides"):
        read_corpus(["-", "-"], "de", "en")


def test_one_or_two_paths_and_language_codes_are_expected(write):
    path = write("a", "a")
    with pytest.raises(UsageError, match="3 files given"):
        read_corpus([path] * 3, "de", "en")
    with pytest.raises(UsageError, match="0 files given"):
        read_corpus([], "de", "en")
    with pytest.raises(UsageError, match="'German' is not a language code"):
        read_corpus([path, path], "German", "en")


def test_streaming_yields_no_pair_after_a_fault(write):
    paths = write("a", b"1\n" * 600_000 + b"\xff\n3\n"), write("b", "1\n" * 600_000 + "2\n3\n")
    pairs = iterate_pairs(paths, "de", "en")
    assert next(pairs) == ("1", "1")
    with pytest.raises(CorpusError, match="line 600001"):
        while True:
            assert next(pairs) == ("1", "1")


# TSV


def test_tsv_has_two_columns_and_no_quoting(write):
    path = write("train.tsv", 'eins "\tone\r\n"zwei\t"two"\n\t\n')
    assert list(read_corpus([path], "de", "en")) == [('eins "', "one"), ('"zwei', '"two"'), ("", "")]


def test_a_first_row_with_language_codes_names_the_columns(write):
    path = write("train.tsv", "\ufeffid\ten-GB\tnote\tDE\n7\tone\tx\teins\n8\ttwo\t\tzwei\n")
    assert list(read_corpus([path], "de", "en")) == PAIRS


def test_tsv_rows_of_another_width_are_refused(write):
    path = write("train.tsv", "a\tb\nc\n\nd\te\tf\n")
    assert faults_of([path]) == [
        f"{path}, line 2: has 1 column(s), expected 2 separated by tabs",
        f"{path}, line 3: has 1 column(s), expected 2 separated by tabs",
        f"{path}, line 4: has 3 column(s), expected 2; where there are more, "
        "a first row must name the two by their language codes",
    ]
    named = write("named.tsv", "de\tid\ten\na\t1\tb\na\tb\n")
    assert faults_of([named]) == [f"{named}, line 3: has 2 column(s), expected 3 separated by tabs"]


def test_standard_input_alone_is_tsv(standard_input):
    standard_input(b"eins\tone\nzwei\ttwo\n")
    corpus = read_corpus(["-"], "de", "en")
    assert list(corpus) == PAIRS
    assert corpus.origin == "standard input"
    standard_input(b"eins one\n")
    assert faults_of(["-"]) == ["standard input, line 1: has 1 column(s), expected 2 separated by tabs"]


# JSON lines


def test_json_lines_in_both_shapes(write):
    data = (
        '{"de": "eins", "en": "one", "id": 3}\n\n  \n'
        '{"translation": {"en": "two", "de": "zwei", "fr": null}, "de": "wrong"}\r\n'
        '{"de_DE": "dr\\u0065i\\n\\n und\\n", "en-US": "three\u2028"}'
    ).encode()
    for name, compress in (("train.JSON", bytes), ("train.jsonl.gz", gzip.compress)):
        corpus = read_corpus([write(name, compress(data))], "de", "en")
        assert list(corpus) == [*PAIRS, ("drei und", "three\u2028")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"de": "a"}', "has no text for 'en'; keys there: 'de'"),
        ('{"de": "a", "en": 5}', "the text of 'en' is a number (5), expected a string"),
        ('{"de": null, "en": "b"}', "the text of 'de' is null, expected a string"),
        ('{"de": "a", "en": "b\\u0000"}', "the text of 'en' has a NUL character"),
        (
            '{"de": "x\\ud800", "en": "b"}',
            "the text of 'de' has half a surrogate pair (U+D800) at character 1",
        ),
        ("[1, 2]", "is a list, expected an object with a text for each language"),
        ("{'de': 1}", "not JSON at column 2"),
        ("[" * 100_000, "not "),
        ('{"de": ' + "9" * 5_000 + "}", "not usable JSON"),
    ],
)
def test_broken_json_lines_are_refused_with_their_line(write, line, expected):
    path = write("train.jsonl", '{"de": "a", "en": "b"}\n' + line + "\n")
    found = faults_of([path])
    assert found[0].startswith(f"{path}, line 2: {expected}")


def test_json_over_several_lines_gets_a_hint(write):
    path = write("train.json", json.dumps([{"de": "a", "en": "b"}], indent=1))
    assert "expected a whole object on each line" in faults_of([path])[0]


# choosing the reader


def test_an_ending_that_says_nothing_is_refused(write, tmp_path):
    path = write("train.txt.gz", gzip.compress(b"a\tb\n"))
    assert faults_of([path])[0].startswith(
        f"{path}: the ending '.txt' does not tell the format; expected a folder"
    )
    assert faults_of([tmp_path / "missing.txt"]) == [f"{tmp_path / 'missing.txt'}: no such file"]


def test_tmx_is_read_by_its_ending(write):
    unit = '<tu><tuv xml:lang="de"><seg>eins</seg></tuv><tuv xml:lang="en"><seg>one</seg></tuv></tu>'
    path = write("train.tmx.gz", gzip.compress(f"<tmx><body>{unit}</body></tmx>".encode()))
    assert list(read_corpus([path], "de", "en")) == PAIRS[:1]
    broken = write("broken.tmx.gz", gzip.compress(f"<tmx><body>{unit}</body></tmx>".encode())[:-9])
    assert "ends too early" in faults_of([broken])[0]


def test_one_line():
    assert one_line(" a b\tc\r ") == " a b\tc\r "
    assert one_line("\n  a  \r\n\n\tb\u2028c\n") == "a b\u2028c"


# datasets


@pytest.fixture
def dataset():
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"de": ["eins", "zwei"], "id": [1, 2], "en": ["one", "two"]})


def test_a_saved_dataset(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "flat")
    assert list(read_corpus([tmp_path / "flat"], "de", "en")) == PAIRS
    nested = dataset.map(lambda row: {"translation": {"de": row["de"], "en": row["en"]}})
    nested.save_to_disk(tmp_path / "nested")
    assert list(read_corpus([tmp_path / "nested"], "de", "en")) == PAIRS
    found = faults_of([tmp_path / "flat"], languages=("de", "fr"))
    assert found[0].startswith(f"{tmp_path / 'flat'}, row 1: has no text for 'fr'; keys there: 'de'")


def test_a_saved_dataset_of_several_splits_must_be_chosen_from(dataset, tmp_path):
    import datasets

    datasets.DatasetDict({"test": dataset}).save_to_disk(tmp_path / "one")
    assert list(read_corpus([tmp_path / "one"], "de", "en")) == PAIRS
    datasets.DatasetDict({"train": dataset, "test": dataset.select([1])}).save_to_disk(tmp_path / "two")
    assert faults_of([tmp_path / "two"]) == [
        f"{tmp_path / 'two'}: holds the splits test, train; give the folder of one of them"
    ]
    assert list(read_corpus([tmp_path / "two" / "test"], "de", "en")) == PAIRS[1:]


def test_a_damaged_dataset_is_refused(dataset, tmp_path):
    dataset.save_to_disk(tmp_path / "data")
    for path in (tmp_path / "data").glob("*.arrow"):
        path.unlink()
    assert "cannot be read as a saved dataset" in faults_of([tmp_path / "data"])[0]


def test_parquet_files(dataset, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    dataset.select([0]).to_parquet(folder / "train-00000-of-00002.parquet")
    dataset.select([1]).to_parquet(folder / "train-00001-of-00002.parquet")
    assert list(read_corpus([folder], "de", "en")) == PAIRS
    assert list(read_corpus([folder / "train-00001-of-00002.parquet"], "de", "en")) == PAIRS[1:]
    dataset.to_parquet(folder / "validation-00000-of-00001.parquet")
    assert faults_of([folder]) == [
        f"{folder}: holds files of the splits train, validation; give the file or folder of one of them"
    ]
    (folder / "broken.parquet").write_bytes(b"PAR1")
    assert "cannot be read as parquet" in faults_of([folder / "broken.parquet"])[0]


def test_a_folder_of_json_lines(write, tmp_path):
    write("data/part-1.jsonl", '{"de": "eins", "en": "one"}\n')
    write("data/part-2.jsonl.gz", gzip.compress(b'{"de": "zwei", "en": "two"}\n'))
    write("data/README.md", "# about")
    assert list(read_corpus([tmp_path / "data"], "de", "en")) == PAIRS


def test_a_folder_without_a_dataset_is_refused(write, tmp_path):
    write("data/README.md", "# about")
    assert faults_of([tmp_path / "data"])[0].startswith(f"{tmp_path / 'data'}: is a folder without a dataset")


def test_without_the_datasets_library_one_is_told_to_install_it(dataset, tmp_path, monkeypatch):
    dataset.save_to_disk(tmp_path / "data")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"install crosslate\[data\]"):
        read_corpus([tmp_path / "data"], "de", "en")
