"""Readers of parallel text: the pairs of good files, every fault of bad ones."""

import gzip
import json
import sys

import pytest

from crosslate.errors import CorpusError, MissingExtra, UsageError
from crosslate.text.corpora import read_corpus
from crosslate.text.reading import iterate_pairs

PAIRS = [("eins", "one"), ("zwei", "two")]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file to the working folder; returns its name."""
    monkeypatch.chdir(tmp_path)

    def make(name, data):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return name

    return make


def pairs(*paths, languages=("de", "en")):
    return list(read_corpus(paths, *languages))


def faults_of(*paths, languages=("de", "en")):
    """The messages of the error that reading raises."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(paths, *languages)
    heading, *rest = str(caught.value).split("\n  - ")
    if not rest:
        return [heading.removeprefix("cannot read the corpus: ")]
    assert heading == f"cannot read the corpus, {len(rest)} faults:"
    return rest


class TestPlain:
    def test_a_pair_is_read_line_by_line(self, write):
        paths = write("train.de.gz", gzip.compress(b"eins\r\nzwei\r\n")), write("train.en", "one\ntwo")
        corpus = read_corpus(paths, "de", "en")
        assert list(corpus) == PAIRS
        assert (corpus.languages, corpus.origin) == (("de", "en"), "train.de.gz + train.en")
        assert pairs(write("a", "\neins\n\n"), write("b", "zero\n\n\n")) == [
            ("", "zero"),
            ("eins", ""),
            ("", ""),
        ]

    @pytest.mark.parametrize(
        ("source", "target", "expected"),
        [
            ("1\n2\n3\n", "1\n2", ["a has 3 lines and b has 2; expected as many in both"]),
            ("", "1\n2", ["a has 0 lines and b has 2; expected as many in both"]),
            ("", "", ["a + b has no pairs; expected at least one pair of sentences"]),
            (b"ok\n\xff\nok\n", b"ok\nok\nn\0ul\nok\n",
             ["a has 3 lines and b has 4", "a, line 2: byte 0xff at offset 3", "b, line 3: has a NUL byte at offset 7"]),
        ],
    )  # fmt: skip
    def test_all_faults_of_both_files_are_told(self, write, source, target, expected):
        found = faults_of(write("a", source), write("b", target))
        assert [fault[: len(start)] for fault, start in zip(found, expected, strict=True)] == expected

    def test_a_missing_file_does_not_hide_the_faults_of_the_other(self, write):
        first, second = faults_of("missing", write("b", b"\xff\n"))
        assert first == "missing: no such file" and second.startswith("b, line 1: byte 0xff")
        assert faults_of(".", "missing") == [".: is a folder, expected a file", "missing: no such file"]

    def test_one_of_two_may_be_standard_input(self, write, standard_input):
        standard_input(b"eins\nzwei")
        corpus = read_corpus(["-", write("b", "one\ntwo\n")], "de", "en")
        assert (list(corpus), corpus.origin) == (PAIRS, "standard input + b")
        with pytest.raises(UsageError, match="standard input cannot be both sides"):
            pairs("-", "-")

    def test_one_or_two_paths_and_language_codes_are_expected(self):
        for paths, message in ((["a"] * 3, "3 files given"), ([], "0 files given")):
            with pytest.raises(UsageError, match=message):
                pairs(*paths)
        with pytest.raises(UsageError, match="'Germany' is not a language code"):
            pairs("a", "a", languages=("Germany", "en"))

    def test_streaming_yields_no_pair_after_a_fault(self, write):
        paths = write("a", b"1\n" * 600_000 + b"\xff\n3\n"), write("b", "1\n" * 600_000 + "2\n3\n")
        found = iterate_pairs(paths, "de", "en")
        with pytest.raises(CorpusError, match="line 600001"):
            while True:
                assert next(found) == ("1", "1")


class TestTSV:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ('eins "\tone\r\n"zwei\t"two"\n\t\n', [('eins "', "one"), ('"zwei', '"two"'), ("", "")]),
            ("\ufeffid\ten-GB\tnote\tDE\n7\tone\tx\teins\n8\ttwo\t\tzwei\n", PAIRS),
        ],
    )
    def test_two_columns_or_named_ones_and_no_quoting(self, write, data, expected):
        assert pairs(write("train.tsv", data)) == expected

    @pytest.mark.parametrize(
        "header",
        ["eng\tdeu", "eng_Latn\tdeu_Latn", "English\tGerman", "EN-US\tde_DE", '"en"\t"de"', "# ENG\tGER"],
    )
    def test_the_first_row_names_languages_in_any_spelling(self, write, header):
        name = write("a.tsv", f"{header}\none\teins\ntwo\tzwei\n")
        assert pairs(name) == pairs(name, languages=("German", "eng_Latn")) == PAIRS
        assert pairs(name, languages=("eng", "deu")) == [(two, one) for one, two in PAIRS]

    @pytest.mark.parametrize("header", ["fra\tdeu", "English\tFrench", "source\ttarget", "en\ttpi"])
    def test_a_header_is_never_a_pair(self, write, header):
        (fault,) = faults_of(write("a.tsv", f"{header}\none\teins\n"))
        named = ", ".join(map(repr, header.split("\t")))
        assert fault.startswith(
            f"a.tsv: the first row names the columns {named}; expected 'de' and 'en' among them"
        )

    def test_rows_of_another_width_are_refused(self, write):
        assert faults_of(write("a.tsv", "a\tb\nc\n\nd\te\tf\n")) == [
            "a.tsv, line 2: has 1 column(s), expected 2 separated by tabs",
            "a.tsv, line 3: has 1 column(s), expected 2 separated by tabs",
            "a.tsv, line 4: has 3 column(s), expected 2; where there are more, "
            "a first row must name the two by their language codes",
        ]
        named = write("named.tsv", "de\tid\ten\na\t1\tb\na\tb\n")
        assert faults_of(named) == ["named.tsv, line 3: has 2 column(s), expected 3 separated by tabs"]

    def test_standard_input_alone(self, standard_input):
        standard_input(b"eins\tone\nzwei\ttwo\n")
        corpus = read_corpus(["-"], "de", "en")
        assert (list(corpus), corpus.origin) == (PAIRS, "standard input")
        standard_input(b"eins one\n")
        assert faults_of("-") == ["standard input, line 1: has 1 column(s), expected 2 separated by tabs"]


class TestJSONLines:
    def test_a_line_end_of_old_programs_is_a_space(self, write):
        assert pairs(write("a.jsonl", rb'{"de": "a \rb", "en": "c\r\nd"}')) == [("a b", "c d")]

    def test_both_shapes(self, write):
        data = (
            '{"de": "eins", "en": "one", "id": 3}\n\n  \n'
            '{"translation": {"en": "two", "de": "zwei", "fr": null}, "de": "wrong"}\r\n'
            '{"de_DE": "\\n dr\\u0065i\\n\\n und\\n", "en-US": " three\u2028\\t"}'
        ).encode()
        for name, compress in (("train.JSON", bytes), ("train.jsonl.gz", gzip.compress)):
            assert pairs(write(name, compress(data))) == [*PAIRS, ("drei und", " three\u2028\t")]

    @pytest.mark.parametrize(
        ("german", "english"),
        [("deu_Latn", "eng_Latn"), ("deu", "eng"), ("German", "English"), ("de_DE", "en_XX"),
         ("sentence_deu_Latn", "sentence_eng_Latn")],
    )  # fmt: skip
    def test_keys_name_languages_in_any_spelling(self, write, german, english):
        lines = [json.dumps({english: two, german: one}) for one, two in PAIRS]
        name = write("a.jsonl", "\n".join(lines) + "\n" + f'{{"translation": {lines[0]}}}')
        assert pairs(name) == pairs(name, languages=("deu-Latn", "eng-Latn")) == [*PAIRS, PAIRS[0]]

    def test_one_text_is_never_both_sides(self, write):
        name = write("a.jsonl", '{"zh": "x", "en": "y"}')
        (fault,) = faults_of(name, languages=("zh-Hans", "zh-Hant"))
        assert fault == "a.jsonl, line 1: has no text for 'zh-Hant'; keys there: 'zh', 'en'"

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ('{"de": "a"}', "has no text for 'en'; keys there: 'de'"),
            ('{"de": "a", "en": 5}', "the text of 'en' is a number (5), expected a string"),
            ('{"de": null, "en": "b"}', "the text of 'de' is null, expected a string"),
            ('{"de": "a", "en": "b\\u0000"}', "the text of 'en' has a NUL character"),
            ('{"de": "x\\ud800", "en": "b"}', "the text of 'de' has half a surrogate pair (U+D800) at character 1"),
            ("[1, 2]", "is a list, expected an object with a text for each language"),
            ("{'de': 1}", "not JSON at column 2"),
            ("[" * 100_000, "not "),
            ('{"de": ' + "9" * 5_000 + "}", "not usable JSON"),
        ],
    )  # fmt: skip
    def test_broken_lines_are_refused_with_their_place(self, write, line, expected):
        found = faults_of(write("a.jsonl", '{"de": "a", "en": "b"}\n' + line + "\n"))
        assert found[0].startswith(f"a.jsonl, line 2: {expected}")

    def test_json_over_several_lines_gets_a_hint(self, write):
        path = write("train.json", json.dumps([{"de": "a", "en": "b"}], indent=1))
        assert "expected a whole object on each line" in faults_of(path)[0]


class TestCSV:
    @pytest.mark.parametrize(
        "data",
        [
            "de,en\neins,one\nzwei,two\n",
            '\ufeffGerman;Project;English\r\neins;"A; B";one\r\n\r\nzwei;;two',
            '"en-GB"\t"de-DE"\none\teins\n"two"\tzwei\n',
        ],
    )
    def test_columns_are_found_by_their_languages_with_any_separator(self, write, data):
        assert pairs(write("train.csv", data)) == PAIRS

    def test_cells_in_quotes(self, write):
        name = write("a.csv", 'de,en\n"Er sagte ""Ja, ja"".","He said\r\n ""Yes, yes""."\n猫,"cat"\n')
        assert pairs(name) == [('Er sagte "Ja, ja".', 'He said "Yes, yes".'), ("猫", "cat")]

    def test_a_first_row_without_the_languages_is_refused(self, write):
        expected = "a.csv: the first row is 'Guten Tag, Ann;Hello, Ann'; expected one that names the columns, 'de' and 'en'"
        (fault,) = faults_of(write("a.csv", "Guten Tag, Ann;Hello, Ann\n"))
        assert fault.startswith(expected)
        assert faults_of(write("b.csv", "")) == [
            "b.csv: the first row is ''; expected one that names the columns, 'de' and 'en' among them"
        ]

    def test_broken_rows_are_refused_with_their_place(self, write):
        assert faults_of(write("a.csv", 'de,en\n"a\nb",c\nd\n')) == [
            "a.csv, line 4: has 1 column(s), expected 2 as in the first row"
        ]
        (fault,) = faults_of(write("b.csv", 'de,en\na,b\n"c,d\n'))
        assert fault.startswith("b.csv: the cells cannot be told apart up to line 3")
        (fault,) = faults_of(write("c.csv", b"de,en\n\xfc,b\n"))
        assert fault.startswith("c.csv, line 2: byte 0xfc")


def test_an_ending_that_says_nothing_is_refused(write):
    path = write("train.txt.gz", gzip.compress(b"a\tb\n"))
    expected = "train.txt.gz: the ending '.txt' does not tell the format; expected "
    assert faults_of(path)[0].startswith(expected)
    assert faults_of("missing.txt") == ["missing.txt: no such file"]


class TestDatasets:
    @pytest.fixture
    def dataset(self):
        datasets = pytest.importorskip("datasets")
        return datasets.Dataset.from_dict({"de": ["eins", "zwei"], "id": [1, 2], "en": ["one", "two"]})

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_saved(self, dataset, tmp_path, monkeypatch):
        import datasets

        dataset.save_to_disk("flat")
        dataset.map(lambda row: {"translation": {"de": row["de"], "en": row["en"]}}).save_to_disk("nested")
        datasets.DatasetDict({"test": dataset}).save_to_disk("one")
        assert pairs("flat") == pairs("nested") == pairs("one") == PAIRS
        found = faults_of("flat", languages=("de", "fr"))
        assert found[0].startswith("flat, row 1: has no text for 'fr'; keys there: 'de'")
        datasets.DatasetDict({"train": dataset, "test": dataset.select([1])}).save_to_disk("two")
        assert faults_of("two") == ["two: holds the splits test, train; give the folder of one of them"]
        assert pairs("two/test") == PAIRS[1:]
        for path in (tmp_path / "flat").glob("*.arrow"):
            path.unlink()
        assert "cannot be read as a saved dataset" in faults_of("flat")[0]
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(MissingExtra, match=r"install crosslate\[data\]"):
            pairs("flat")

    def test_parquet_files(self, dataset, write):
        write("data/README.md", "# about")
        dataset.select([0]).to_parquet("data/train-00000-of-00002.parquet")
        dataset.select([1]).to_parquet("data/train-00001-of-00002.parquet")
        assert pairs("data") == PAIRS
        dataset.to_parquet("data/validation-00000-of-00001.parquet")
        assert pairs("data/validation-00000-of-00001.parquet") == PAIRS
        found = "data: holds files of the splits train, validation; give the file or folder of one of them"
        assert faults_of("data") == [found]
        assert "cannot be read as parquet" in faults_of(write("broken.parquet", b"PAR1"))[0]

    def test_a_folder_of_json_lines_or_of_nothing(self, write):
        write("data/README.md", "# about")
        assert faults_of("data")[0].startswith("data: is a folder without a dataset")
        write("data/part-1.jsonl", '{"de": "eins", "en": "one"}\n')
        write("data/part-2.jsonl.gz", gzip.compress(b'{"de": "zwei", "en": "two"}\n'))
        assert pairs("data") == PAIRS
