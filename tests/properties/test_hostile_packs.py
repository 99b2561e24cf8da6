"""Whatever a pack's files hold, the answer is a manifest or a PackError: no other error, and no hang."""

import copy
import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

import pack_json
from crosslate.errors import PackError
from crosslate.packs.manifest import Manifest
from crosslate.packs.pack import verify

GOLDEN = Path(__file__).parents[1] / "contract" / "data" / "pack-v1"
ODD_VALUES = [
    None, True, 0, -1, 2**70, 1.5, "", "x", "..", "a/b", "\0", "\ud800", [], [[]], [1, 2, 3], {}, {"a": {}},
    {"shape": [1], "dtype": "float32"}, ["source", "source"], "0" * 64, [[0, 1], [1]], [None], {"": 1},
]  # fmt: skip


def places(values, path=()):
    """The path of every value in a tree of JSON."""
    items = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def test_any_value_anywhere_in_the_manifest():
    good = json.loads((GOLDEN / "pack.json").read_text(encoding="utf-8"))
    num_refused = 0
    for index, (*parents, last) in enumerate(list(places(good))):
        for odd in ODD_VALUES[index % 3 :: 3]:
            values = copy.deepcopy(good)
            inner = values
            for key in parents:
                inner = inner[key]
            inner[last] = odd
            try:
                Manifest.from_bytes(pack_json.sealed(values))
            except PackError:
                num_refused += 1
    assert num_refused > 300
    assert Manifest.from_bytes(pack_json.sealed(good)).name == "de-en"


@pytest.mark.parametrize("name", ["pack.json", "weights.safetensors", "source.spm"])
def test_random_bytes_under_a_right_hash(tmp_path, name):
    """Hashes find damage only; a hostile file comes with a right one, and the readers behind must hold."""
    generator = random.Random(0)
    folder = tmp_path / "pack"
    shutil.copytree(GOLDEN, folder)
    manifest = json.loads((GOLDEN / "pack.json").read_text(encoding="utf-8"))
    original = (GOLDEN / name).read_bytes()
    num_refused = 0
    for _ in range(80):
        data = bytearray(original)
        for _ in range(generator.randint(1, 4)):
            position = generator.randrange(min(len(data), 400))
            if generator.random() < 0.3:
                del data[position : position + generator.randint(1, 40)]
            else:
                data[position] = generator.randrange(256)
        (folder / name).write_bytes(data)
        if name != "pack.json":
            manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            (folder / "pack.json").write_bytes(pack_json.sealed(manifest))
        try:
            verify(folder)
        except PackError:
            num_refused += 1
    assert num_refused > 30
