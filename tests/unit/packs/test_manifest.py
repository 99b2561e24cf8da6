import json
from dataclasses import replace

import pytest

from crosslate.errors import PackError
from crosslate.models.methods.forms import Slices
from crosslate.packs.manifest import FileRecord, Manifest, TensorRecord, read_manifest, utc_now
from crosslate.packs.strict_json import strict_json
from crosslate.text.vocabularies import SpecialIds


@pytest.fixture
def sealed(manifest):
    """A manifest that is complete without any file on disk."""
    files = {name: FileRecord("d" * 64, 10) for name in ("weights.safetensors", "source.spm", "README.md")}
    return replace(manifest, files=files, tensors={"w": TensorRecord((2, 3), "float32")}).sealed()


def refused(manifest, *parts, num_faults=1):
    with pytest.raises(PackError) as error:
        Manifest.from_bytes(manifest.sealed().to_bytes())
    message = str(error.value)
    for part in parts:
        assert part in message
    assert message.count("\n  - ") == (num_faults if num_faults > 1 else 0), message


def text_refused(text, *parts):
    with pytest.raises(PackError) as error:
        Manifest.from_bytes(text if isinstance(text, bytes) else text.encode())
    for part in parts:
        assert part in str(error.value)


def test_there_and_back(sealed):
    again = Manifest.from_bytes(sealed.to_bytes())
    assert again == sealed
    assert again.to_bytes() == sealed.to_bytes()
    assert again.scores[0].interval == (30.0, 32.5)


def test_reading_a_file_and_its_absence(sealed, tmp_path):
    (tmp_path / "pack.json").write_bytes(sealed.to_bytes())
    assert read_manifest(tmp_path / "pack.json") == sealed
    with pytest.raises(PackError, match="cannot be read: No such file"):
        read_manifest(tmp_path / "none.json")


def test_a_huge_file(tmp_path):
    (tmp_path / "pack.json").write_bytes(b" " * (16 * 1024 * 1024 + 1))
    with pytest.raises(PackError, match="longer than 16777216 bytes"):
        read_manifest(tmp_path / "pack.json")


def test_the_moment_is_one_that_a_manifest_accepts(sealed):
    assert Manifest.from_bytes(replace(sealed, created=utc_now()).sealed().to_bytes())


class TestVersions:
    def test_a_newer_one(self, sealed):
        text = sealed.to_bytes().replace(b'"format_version": 1', b'"format_version": 7, "novelty": 1')
        text_refused(text, "format version 7", "this program reads format versions 1 to 2", "Install a newer")

    @pytest.mark.parametrize("value", ["0", "-1", "true", "1.0", '"1"', "null", "[]"])
    def test_an_unknown_one(self, sealed, value):
        text = sealed.to_bytes().replace(b'"format_version": 1', f'"format_version": {value}'.encode())
        text_refused(text, "format_version is", "this program reads format versions 1 to 2")

    def test_none(self):
        text_refused("{}", "format_version is missing")


class TestJson:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not JSON at line 1, column 1"),
            ("{", "not JSON at line 1"),
            ('{"a": 1,}', "not JSON"),
            (b"\xff{}", "not UTF-8 at byte 0"),
            (b"\xef\xbb\xbf{}", "not JSON"),
            ("[]", "the top level is list, expected an object"),
            ("3", "the top level is int, expected an object"),
            ('{"a": NaN}', "NaN is not a finite number"),
            ('{"a": -Infinity}', "-Infinity is not a finite number"),
            ('{"a": 1e999}', "1e999 is not a finite number"),
            ('{"a": {"b": 1, "b": 2}}', "the key 'b' occurs twice"),
            ('{"a": "\\ud800"}', "half of a surrogate pair"),
            ("[" * 100_000, "nested deeper than 32 levels"),
            ('{"a":' + "[" * 33 + "]" * 33 + "}", "nested deeper than 32 levels"),
            ('{"a": ' + "1" * 5000 + "}", "a number that cannot be read"),
        ],
    )
    def test_loose_ends_are_refused(self, text, message):
        text_refused(text, message)

    def test_what_is_strict_is_read(self):
        nested = '{"a":' + "[" * 30 + "]" * 30 + ', "b": [1, -2.5e3, true, null, "\\u00e4"]}'
        assert strict_json(nested.encode(), "x")["b"] == [1, -2500.0, True, None, "ä"]

    def test_several_at_once(self):
        text_refused('{"a": NaN, "a": Infinity}', "3 faults", "NaN", "Infinity", "twice")


class TestStructure:
    def change(self, sealed, **values):
        whole = json.loads(sealed.to_bytes())
        for name, value in values.items():
            if value is None:
                del whole[name]
            else:
                whole[name] = value
        return json.dumps(whole)

    def test_unknown_keys_with_the_nearest(self, sealed):
        text = self.change(sealed, licens="MIT", strategie="src")
        text_refused(text, "2 faults", "'licence'", "'strategy'")

    def test_missing_keys(self, sealed):
        text = self.change(sealed, parent=None, licence=None)
        text_refused(text, "2 faults", "parent is missing", "licence is missing")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", 3),
            ("source_vocabulary_size", "24"),
            ("source_vocabulary_size", 24.0),
            ("source_vocabulary_size", True),
            ("renewed", "source"),
            ("renewed", ["middle"]),
            ("renewed", [["source"]]),
            ("parent", []),
            ("training", [1]),
            ("scores", {"BLEU": 1}),
            ("tensors", {"w": {"shape": [2.5], "dtype": "float32"}}),
            ("tensors", {"w": {"shape": [2]}}),
            ("tensors", []),
            ("files", {"README.md": "abc"}),
            ("special_ids", {"source": {"eos": "0"}}),
            ("checksum", 5),
        ],
    )
    def test_wrong_types(self, sealed, name, value):
        text_refused(self.change(sealed, **{name: value}), name)

    def test_a_changed_value(self, sealed):
        text = sealed.to_bytes().replace(b"31.25", b"41.25")
        text_refused(text, "the file's checksum is", sealed.checksum)

    def test_a_changed_blank(self, sealed):
        text_refused(sealed.to_bytes() + b"\n", "the file's checksum is")

    def test_no_checksum(self, sealed):
        text_refused(self.change(sealed, checksum=None), "checksum is ''")


class TestRules:
    @pytest.mark.parametrize("value", ["", "  ", "two\nlines", "bell\a", "\x85", "a\u2028b"])
    @pytest.mark.parametrize("name", ["name", "strategy", "licence", "crosslate_version"])
    def test_words(self, sealed, name, value):
        refused(replace(sealed, **{name: value}), f"{name} is {value!r}")

    def test_a_parent_may_lie_in_any_folder(self, sealed):
        parent = replace(sealed.parent, name="Eltern/fr\u00a0en (日本)")
        assert Manifest.from_bytes(replace(sealed, parent=parent).sealed().to_bytes()).parent == parent

    def test_languages(self, sealed):
        refused(replace(sealed, source_language="German"), "'German' is not a language code")
        refused(replace(sealed, target_language="pt_BR"), "'pt_BR' is spelt 'pt-BR'")

    @pytest.mark.parametrize("value", ["", "A" * 64, "a" * 63, "a" * 65, "g" * 64])
    def test_fingerprints(self, sealed, value):
        parent = replace(sealed.parent, fingerprint=value, target_vocabulary_fingerprint=value)
        refused(
            replace(sealed, parent=parent),
            f"parent.fingerprint is {value!r}",
            "parent.target_vocabulary_fingerprint",
            num_faults=2,
        )

    @pytest.mark.parametrize(
        "value", ["2025-01-31", "2025-02-30T00:00:00Z", "2025-01-31T12:00:00+01:00", "2025-01-31 12:00:00Z"]
    )
    def test_created(self, sealed, value):
        refused(replace(sealed, created=value), f"created is {value!r}")

    def test_renewed_sides(self, sealed):
        refused(replace(sealed, renewed=("source", "source")), "each side once")
        refused(replace(sealed, special_ids={}), "special_ids is given for [], expected", "['source']")
        special = {"source": SpecialIds(), "target": SpecialIds()}
        refused(replace(sealed, special_ids=special), "special_ids is given for ['source', 'target']")

    def test_a_side_that_is_not_renewed_has_the_parents_size(self, sealed):
        refused(replace(sealed, target_vocabulary_size=51), "target_vocabulary_size is 51", "the parent's 50")

    def test_sizes(self, sealed):
        refused(
            replace(sealed, source_vocabulary_size=0),
            "source_vocabulary_size is 0",
            "special_ids.source",
            num_faults=2,
        )

    @pytest.mark.parametrize("ids", [SpecialIds(0, 1, 24), SpecialIds(0, 0, 2), SpecialIds(-1, 1, 2)])
    def test_special_ids(self, sealed, ids):
        refused(replace(sealed, special_ids={"source": ids}), "expected different ids from 0 to 23")

    def test_intervals(self, sealed):
        score = sealed.scores[0]
        refused(replace(sealed, scores=(replace(score, interval=(2.0, 1.0)),)), "scores[0].interval")
        refused(replace(sealed, scores=(replace(score, interval=(2.0,)),)), "scores[0].interval")
        refused(replace(sealed, scores=(replace(score, metric=" "),)), "scores[0].metric")

    @pytest.mark.parametrize(
        ("name", "record", "message"),
        [
            ("", TensorRecord((2,), "float32"), "not the name of a tensor"),
            ("__metadata__", TensorRecord((2,), "float32"), "not the name of a tensor"),
            ("w", TensorRecord((-1, 2), "float32"), "shape is [-1, 2]"),
            ("w", TensorRecord((2,), "F32"), "dtype is 'F32', expected one of float64, float32"),
            ("w", TensorRecord((1,), "float32", Slices((4,), 0, ((0, 5),))), "tensors.w.form"),
            ("w", TensorRecord((1,), "float32", Slices((4,), 0, ((0, 2),))), "its form needs [2]"),
        ],
    )
    def test_tensors(self, sealed, name, record, message):
        refused(replace(sealed, tensors={name: record}), message)

    def test_slices_that_fit(self, sealed):
        record = TensorRecord((7, 3), "float16", Slices((7, 8), 1, ((0, 2), (7, 8))))
        assert Manifest.from_bytes(replace(sealed, tensors={"w": record}).sealed().to_bytes())

    @pytest.mark.parametrize(
        "name",
        ["../weights.safetensors", "/etc/passwd", "..", "a/b", "a\\b", "C:x", "x\0y", "./README.md", ""],
    )
    def test_paths_that_leave_the_folder(self, sealed, name):
        files = {**sealed.files, name: FileRecord("d" * 64, 1)}
        refused(replace(sealed, files=files), f"files names {name!r}, which leaves the pack's folder")

    @pytest.mark.parametrize("name", ["target.spm", "pack.json", "."])
    def test_files_that_are_no_part_of_it(self, sealed, name):
        files = {**sealed.files, name: FileRecord("d" * 64, 1)}
        refused(replace(sealed, files=files), f"files names {name!r}, which is no part of this pack")

    def test_files_left_out(self, sealed):
        files = {"README.md": FileRecord("x", -1)}
        refused(
            replace(sealed, files=files),
            "files lacks 'weights.safetensors'",
            "files lacks 'source.spm'",
            "files['README.md'].sha256 is 'x'",
            "files['README.md'].bytes is -1",
            num_faults=4,
        )

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"])
    def test_records_that_json_cannot_hold(self, sealed, value):
        with pytest.raises(PackError, match="cannot be written as JSON"):
            replace(sealed, training={"loss": value}).to_bytes()

    def test_nothing_is_imported_but_light_things(self):
        import subprocess
        import sys

        program = (
            "import sys, crosslate.packs.manifest; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
