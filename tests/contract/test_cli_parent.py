"""``crosslate parent import``: a checkpoint of fairseq becomes a parent, and nothing is overwritten unasked."""

from __future__ import annotations

import fairseq_checkpoints
import marian_releases
from crosslate.errors import EXIT_INPUT, EXIT_REFUSED, EXIT_USAGE
from crosslate.models.parent import Parent


def arguments(paths, out, *more):
    options = {
        "--source-dict": paths["source_dictionary"], "--target-dict": paths["target_dictionary"],
        "--source-spm": paths["source_model"], "--target-spm": paths["target_model"], "--langs": "fr-en", "--out": out,
    }  # fmt: skip
    return [
        "parent",
        "import",
        paths["checkpoint"],
        *(each for pair in options.items() for each in pair),
        *more,
    ]


def test_import_and_show(crosslate, tmp_path):
    paths = fairseq_checkpoints.write(tmp_path / "run")
    out = tmp_path / "fr-en"
    ran = crosslate(*arguments(paths, out))
    assert ran.code == 0, ran.err
    # Embeddings 96 x 16, positions 44 x 16, two encoder layers of 1,960, two decoder layers of 3,080, four norms.
    assert ran.lines == [f"parent fr-en: 12,448 parameters, vocabularies of 46 and 50 pieces, saved to {out}"]
    fingerprint = Parent.load(out).fingerprint()
    assert f"fingerprint {fingerprint}" in crosslate("parent", "show", out).lines
    again = crosslate(*arguments(paths, out))
    assert again.code == EXIT_INPUT
    assert f"{out} already exists, a parent (config.json, crosslate.json, " in again.err
    assert "give another folder or ask to replace it; the options are --out and --force" in again.err
    assert crosslate(*arguments(paths, out, "--force")).code == 0


def test_what_is_no_parent_is_not_replaced(crosslate, tmp_path):
    paths = fairseq_checkpoints.write(tmp_path / "run")
    ran = crosslate(*arguments(paths, tmp_path / "run", "--force"))
    assert ran.code == EXIT_INPUT and "is never replaced: give another folder" in ran.err
    assert paths["checkpoint"].is_file()


def test_a_contradiction(crosslate, tmp_path):
    paths = fairseq_checkpoints.write(tmp_path / "run")
    ran = crosslate(*arguments(paths, tmp_path / "out", "--heads", 2, "--scale-embedding"))
    assert ran.code == EXIT_REFUSED
    assert "heads is given as 2, but the checkpoint says 4; leave it out" in ran.err
    assert "scales_embeddings is given as True, but the checkpoint says False" in ran.err


def test_files_that_are_not_there(crosslate, tmp_path):
    paths = fairseq_checkpoints.write(tmp_path / "run")
    ran = crosslate(*arguments({**paths, "source_dictionary": tmp_path / "dict.xx.txt"}, tmp_path / "out"))
    assert ran.code == EXIT_REFUSED and not (tmp_path / "out").exists()
    assert f"{tmp_path / 'dict.xx.txt'}: No such file or directory" in ran.err and "Errno" not in ran.err


def test_a_release_of_marian(crosslate, tmp_path):
    folder, out = marian_releases.write(tmp_path / "release"), tmp_path / "pt-en"
    ran = crosslate("parent", "import", folder, "--out", out)
    assert ran.code == 0, ran.err
    parent = Parent.load(out)
    pieces = len(parent.source)
    assert ran.lines == [
        f"parent pt-en: {parent.num_parameters:,} parameters, vocabularies of {pieces} and {pieces} pieces, saved to {out}"
    ]
    assert f"{out}: pt to en" in crosslate("parent", "show", out).lines
    ran = crosslate("parent", "import", folder, "--heads", 4, "--out", tmp_path / "other")
    assert ran.code == EXIT_USAGE and "which says --heads itself; leave it out" in ran.err


def test_a_checkpoint_without_its_files(crosslate, tmp_path):
    ran = crosslate(
        "parent", "import", tmp_path / "checkpoint_best.pt", "--langs", "fr-en", "--out", tmp_path / "out"
    )
    assert ran.code == EXIT_USAGE
    assert "also needs --source-dict, --target-dict, --source-spm, --target-spm" in ran.err
