"""What a manifest may say: every rule of docs/pack-format.md is kept, and all faults are named at once."""

import json
import subprocess
import sys
from functools import reduce

import pytest

import pack_json
from crosslate.errors import PackError, SettingsError
from crosslate.models.methods.forms import LowRank, Scale, Slices
from crosslate.packs.manifest import (
    Calibration,
    Curve,
    FrameRecord,
    Manifest,
    TensorRecord,
    read_manifest,
    read_strict_json,
    utc_now,
)

DELETED = object()
CURVE = {"intercept": 0.0, "slope": 1.0, "doubtful": 0.5}


def refused(data, *parts, num_faults=1):
    data = data if isinstance(data, bytes) else data.encode()
    with pytest.raises(PackError) as error:
        Manifest.from_bytes(data)
    message = str(error.value)
    for part in parts:
        assert part in message
    assert message.count("\n  - ") == (num_faults if num_faults > 1 else 0), message


def edited(manifest, changes):
    """The bytes of a manifest with other values at dotted paths, and the right checksum."""
    values = json.loads(manifest.to_bytes())
    for path, value in changes.items():
        *parents, last = path.split("/")
        holder = reduce(
            lambda inner, key: inner[int(key) if isinstance(inner, list) else key], parents, values
        )
        if value is DELETED:
            del holder[last]
        else:
            holder[last] = value
    return pack_json.sealed(values)


def test_everything_that_may_be_said_comes_back(sealed):
    records = {
        "one": TensorRecord(shape=(), dtype="bool"),
        "w": TensorRecord(
            shape=(2, 3), dtype="float32", form=Slices(shape=(24, 3), axis=0, ranges=((3, 4), (20, 21)))
        ),
        "l": TensorRecord(
            shape=(2, 9),
            dtype="int8",
            form=LowRank(shape=(4, 5), rank=2),
            child_dtype="float32",
            scales="l.scales",
        ),
        "l.scales": TensorRecord(shape=(2,), dtype="float32"),
        "s": TensorRecord(
            shape=(5,), dtype="bfloat16", form=Scale(shape=(4, 5), axis=1), child_dtype="float32"
        ),
    }
    curve = Curve(intercept=-0.9, slope=0.75, doubtful=0.84)
    calibration = Calibration(sentence=curve, word=curve, sentences=500, spearman=0.47, signature="nrefs:1")
    made = sealed.changed(
        calibration=calibration, tensors=records, frames={"source": FrameRecord(before=(3,), after=(0,))},
        added=("adapters(enc,dec;width=4)",),
    ).sealed()  # fmt: skip
    assert Manifest.from_bytes(made.to_bytes()) == made
    assert Manifest.from_bytes(made.to_bytes()).to_bytes() == made.to_bytes()
    assert made.scores[0].interval == (30.0, 32.5)
    assert made.scale_names == {"l.scales"}
    described = json.loads(made.to_bytes())
    assert described["calibration"]["word"] == {"intercept": -0.9, "slope": 0.75, "doubtful": 0.84}
    assert "calibration" not in json.loads(sealed.to_bytes())
    assert described["frames"] == {"source": {"before": [3], "after": [0]}}
    assert described["tensors"]["w"] == {
        "shape": [2, 3], "dtype": "float32",
        "form": {"kind": "slices", "shape": [24, 3], "axis": 0, "ranges": [[3, 4], [20, 21]]},
    }  # fmt: skip


def test_what_is_optional_may_be_left_out(sealed):
    optional = ("frames", "training", "data", "scores", "added")
    present = json.loads(sealed.to_bytes())
    data = edited(sealed, {key: DELETED for key in optional if key in present})
    assert Manifest.from_bytes(data).scores == ()


def test_reading_a_file_and_its_absence(sealed, tmp_path):
    (tmp_path / "pack.json").write_bytes(sealed.to_bytes())
    assert read_manifest(tmp_path / "pack.json") == sealed
    with pytest.raises(PackError, match=r"cannot read .*: No such file"):
        read_manifest(tmp_path / "none.json")
    (tmp_path / "pack.json").write_bytes(b" " * (16 * 1024 * 1024 + 1))
    with pytest.raises(PackError, match="too long, expected at most 16777216 bytes"):
        read_manifest(tmp_path / "pack.json")


def test_the_moment_is_one_that_a_manifest_accepts(sealed):
    assert Manifest.from_bytes(sealed.changed(created=utc_now()).sealed().to_bytes())


def test_reading_loads_nothing_heavy():
    program = "import sys, crosslate.packs.manifest; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_another_version_is_refused_before_all_else(sealed):
    text = sealed.to_bytes().replace(b'"format_version": 1', b'"format_version": 7, "novelty": 1')
    refused(text, "format_version is 7", "reads format version 1", "upgrade Crosslate")
    refused("{}", "format_version is None")
    for value in (0, -1, True, 1.0, "1", None, []):
        refused(edited(sealed, {"format_version": value}), f"format_version is {value!r}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON"),
        ('{"a": 1,}', "is not valid JSON in UTF-8: Expecting property name"),
        (b"\xff{}", "can't decode byte 0xff"),
        (b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM"),
        ("[]", "the top level is list, expected an object"),
        ('{"a": NaN}', "NaN is not a finite number"),
        ('{"a": -Infinity}', "-Infinity is not a finite number"),
        ('{"a": 1e999}', "1e999 is not a finite number"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' occurs twice"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ('{"a":' + "[" * 32 + "]" * 32 + "}", "nested deeper than 32 levels"),
        ('{"a": ' + "1" * 5000 + "}", "4300 digits"),
    ],
)
def test_loose_json_is_refused(text, message):
    refused(text, message)


def test_strict_json_is_read():
    nested = '{"a":' + "[" * 31 + "]" * 31 + ', "b": [1, -2.5e3, true, null, "\\u00e4"]}'
    assert read_strict_json(nested.encode(), "x")["b"] == [1, -2500.0, True, None, "ä"]
    refused('{"a": NaN, "a": Infinity}', "NaN", "Infinity", "twice", num_faults=3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"])
def test_records_that_json_cannot_hold(sealed, value):
    with pytest.raises(PackError, match=r"cannot write the manifest .* as JSON"):
        sealed.changed(training={"loss": value}).to_bytes()


def test_the_checksum_covers_every_byte(sealed):
    refused(sealed.to_bytes().replace(b"31.25", b"41.25"), "the checksum is", sealed.checksum)
    refused(sealed.to_bytes() + b"\n", "the checksum is")
    whole = json.loads(sealed.to_bytes())
    del whole["checksum"]
    refused(json.dumps(whole), "the checksum is")
    refused(json.dumps(whole | {"checksum": "x"}), "checksum is 'x'")


W = "tensors/k.weight"
FORM = f"{W}/form"

FAULTS = [
    ({"licens": "MIT"}, "unknown key licens; did you mean 'licence'"),
    ({"name": 3}, "name is 3, expected text"),
    ({"source_vocabulary_size": "24"}, "source_vocabulary_size is '24'"),
    ({"source_vocabulary_size": 24.0}, "source_vocabulary_size is 24.0"),
    ({"source_vocabulary_size": True}, "source_vocabulary_size is True"),
    ({"renewed": "source"}, "renewed is 'source'"),
    ({"renewed": [["source"]]}, "renewed[0] is ['source']"),
    ({"parent": []}, "parent is []"),
    ({"training": [1]}, "training is [1]"),
    ({"scores": {"BLEU": 1}}, "scores is"),
    ({"tensors": []}, "tensors is []"),
    ({"files/source.spm": "abc"}, "files.source.spm is 'abc'"),
    ({"special_ids/source/eos": "0"}, "special_ids.source.eos is '0'"),
    # languages, hashes and moments
    ({"source_language": "German"}, "language is 'German', expected the spelling 'de'"),
    ({"target_language": "pt_BR"}, "'pt_BR', expected the spelling 'pt-BR'"),
    *(({"parent/fingerprint": "a" * 63 + each}, "parent.fingerprint is ") for each in ("", "A", "aa", "g")),
    *(
        ({"created": each}, f"created: {each!r} is not a UTC time")
        for each in ("2025-01-31", "2025-02-30T00:00:00Z", "2025-01-31T12:00:00+01:00", "2025-01-31 12:00:00Z")
    ),
    # sides
    ({"renewed": ["middle"]}, "renewed[0] is 'middle'"),
    ({"renewed": ["source", "source"]}, "each side at most once"),
    ({"special_ids": {}}, "special_ids is given for [], expected for the renewed sides ['source']"),
    ({"special_ids/target": {"eos": 0, "unk": 1, "pad": 2}}, "special_ids is given for ['source', 'target']"),
    ({"target_vocabulary_size": 51}, "target_vocabulary_size is 51, expected the parent's 50"),
    ({"source_vocabulary_size": 0}, "source_vocabulary_size is 0, expected 1 or more"),
    *(({"special_ids/source": dict(zip(("eos", "unk", "pad"), ids, strict=True))}, "distinct ids from 0 to 23")
      for ids in ((0, 1, 24), (0, 0, 2), (-1, 1, 2))),
    ({"frames": {"target": {"before": [], "after": [0]}}}, "frames is given for 'target'"),
    ({"frames": {"source": {"before": [24], "after": [0]}}}, "frames.source has the ids [24, 0]"),
    ({"frames": {"source": {"before": [], "after": [0], "start": -1}}}, "frames.source.start is -1"),
    ({"frames": {"source": {"before": [], "after": [0], "start": 3}}}, "frames.source.start is 3, expected null"),
    # scores and methods
    ({"calibration": 0.5}, "calibration is 0.5"),
    ({"terms": ["|", "[", "]"]}, "terms is ["),
    ({"terms": {"before": "|", "between": "a", "after": "]"}}, "terms: the markers of terms are ['|', 'a', ']'], expected three different signs"),
    ({"calibration": {"sentences": 60, "spearman": 0.5, "signature": "x", "word": CURVE, "sentence": CURVE | {"slope": -1.0}}}, "calibration.sentence.slope"),
    ({"scores/0/interval": [2.0, 1.0]}, "interval is [2.0, 1.0]"),
    ({"scores/0/interval": [2.0]}, "scores[0].interval"),
    ({"scores/0/metric": " "}, "scores[0].metric"),
    ({"added": ["adapters(enc,dec;width=0)"]}, "width is '0', expected a whole number from 1"),
    ({"added": ["magic(enc)"]}, "unknown method 'magic'"),
    ({"added": ["lora(enc;rank=4)"]}, "'lora(enc;rank=4)' does not add modules"),
    # tensors
    ({"tensors": {}}, "tensors is empty or missing"),
    ({"tensors/": {"shape": [2], "dtype": "float32"}}, "'' is not a valid tensor name"),
    ({"tensors/__metadata__": {"shape": [2], "dtype": "float32"}}, "'__metadata__' is not a valid"),
    ({f"{W}/shape": [-1, 2], FORM: DELETED}, "shape[0] is -1, expected 0 or more"),
    ({f"{W}/shape": [2.5], FORM: DELETED}, "shape[0] is 2.5"),
    ({f"{W}/dtype": "F32"}, "dtype is 'F32', expected 'float64', 'float32'"),
    ({f"{W}/dtype": DELETED}, "tensors.k.weight.dtype is missing"),
    ({f"{W}/child_dtype": "int8"}, "child_dtype is 'int8'"),
    ({f"{W}/dtype": "int8", f"{W}/child_dtype": "float32"}, "scales are missing"),
    ({f"{W}/scales": "k.weight"}, "scales need an int8 tensor"),
    ({f"{W}/dtype": "int8", f"{W}/child_dtype": "float32", f"{W}/scales": "no"}, "scales names 'no', expected"),
    ({f"{W}/dtype": "int8", f"{W}/child_dtype": "float32", f"{W}/scales": "k.weight"}, "of 4 float32 numbers"),
    # forms
    ({FORM: {"kind": "magic", "shape": [8, 3]}}, "tensors.k.weight.form: "),
    ({FORM: {"kind": "slices", "shape": [8, 3], "axis": 0}}, "tensors.k.weight.form: "),
    ({f"{FORM}/novelty": 1}, "tensors.k.weight.form: "),
    ({f"{FORM}/axis": True}, "tensors.k.weight.form: "),
    ({f"{FORM}/shape": 8}, "tensors.k.weight.form: "),
    ({f"{FORM}/axis": 2}, "axis is 2"),
    ({f"{FORM}/ranges": [[0, 2], [7, 9]]}, "ascending pairs within 0 to 8"),
    ({f"{FORM}/ranges": [[-1, 1], [2, 4]]}, "ascending pairs"),
    ({f"{FORM}/ranges": [[4, 6], [0, 2]]}, "ascending pairs"),
    ({f"{FORM}/ranges": [[0, 2], [2, 4]]}, "do not touch"),
    ({f"{FORM}/ranges": []}, "ascending pairs"),
    ({f"{FORM}/ranges": [[0, 2, 4]]}, "ranges[0]"),
    ({f"{FORM}/ranges": [[0, 3]]}, "shape is [4, 3], but its form needs [3, 3]"),
    ({FORM: {"kind": "low-rank", "shape": [4, 3], "rank": 3}}, "shape is [4, 3], but its form needs [3, 7]"),
    ({FORM: {"kind": "low-rank", "shape": [4, 3], "rank": 0}}, "a rank of at least 1"),
    ({FORM: {"kind": "scale", "shape": [4, 3], "axis": 2}}, "axis"),
    # files
    *(
        ({f"files/{name}": {"sha256": "d" * 64, "bytes": 1}}, repr(name))
        for name in ("..", "a\\b", "C:x", "x\0y", "", "target.spm", "pack.json", "README.md", ".")
    ),
    ({"files/source.spm": DELETED}, "files lists 'weights.safetensors', expected weights.safetensors, source.spm"),
    ({"files/source.spm/sha256": "x"}, "files.source.spm.sha256 is 'x'"),
    ({"files/source.spm/bytes": -1}, "files.source.spm.bytes is -1"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), FAULTS)
def test_a_fault_is_named(sealed, changes, message):
    refused(edited(sealed, changes), message)


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "bell\a", "\x85", "a\u2028b"])
@pytest.mark.parametrize("name", ["name", "strategy", "licence", "crosslate_version"])
def test_words_are_lines(sealed, name, value):
    refused(edited(sealed, {name: value}), f"{name}: {value!r} is not a single nonempty line")


@pytest.mark.parametrize("name", ["../weights.safetensors", "/etc/passwd", "a/b", "./README.md"])
def test_paths_that_leave_the_folder(sealed, name):
    values = json.loads(sealed.to_bytes())
    values["files"][name] = {"sha256": "d" * 64, "bytes": 1}
    refused(pack_json.sealed(values), repr(name), "expected weights.safetensors")


def test_faults_are_named_together(sealed):
    changes = {
        "licens": "MIT", "parent/fingerprint": "", "created": "yesterday", "source_language": "German",
        f"{W}/dtype": "F32", f"{W}/shape": [-1, 3], "files/source.spm/sha256": "x", "name": DELETED,
    }  # fmt: skip
    refused(edited(sealed, changes), "name is missing", num_faults=8)
    changes = {"renewed": [], "target_vocabulary_size": 49}
    refused(edited(sealed, changes), "the source side is not renewed", num_faults=3)


def test_a_parent_may_lie_in_any_folder(sealed):
    parent = sealed.parent.changed(name="Eltern/fr\u00a0en (日本)")
    assert Manifest.from_bytes(sealed.changed(parent=parent).sealed().to_bytes()).parent == parent


def test_a_manifest_in_memory_keeps_the_rules_as_well(sealed):
    with pytest.raises(SettingsError, match="target_vocabulary_size is 51, expected the parent's 50"):
        sealed.changed(target_vocabulary_size=51)
