"""``import crosslate`` and ``crosslate --help`` answer at once: nothing heavy is loaded for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "accelerate", "ctranslate2", "datasets", "fastapi", "huggingface_hub", "numpy", "pandas", "peft", "pyarrow",
    "sacrebleu", "safetensors", "sentencepiece", "tokenizers", "torch", "transformers", "uvicorn",
)  # fmt: skip
IMPORT = "import crosslate"
# What the installed command runs, with its exit caught.
COMMAND = """
import contextlib, io, sys
from crosslate.cli import main
sys.argv = ["crosslate", *{arguments!r}]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
"""
HELP = COMMAND.format(arguments=["--help"])


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def loaded_by(program: str) -> set[str]:
    done = python("-c", f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("program", [IMPORT, HELP], ids=["import", "help"])
def test_nothing_heavy_is_loaded(program):
    assert loaded_by(program) & set(HEAVY) == set()


def test_an_output_that_exists_is_refused_at_once(tmp_path):
    (tmp_path / "pack.json").write_text("{}")
    adapt = ["adapt", "--parent", "p", "--new-source", "de", "--train", "a", "b", "--out", str(tmp_path)]
    train = ["parent", "train", "--langs", "fr-en", "--train", "a", "b", "--out", str(tmp_path), "--force"]
    for arguments in (adapt, train):
        loaded = loaded_by(COMMAND.format(arguments=arguments))
        assert "crosslate.adaptation.jobs" in loaded and "torch" not in loaded


def test_a_command_loads_no_other():
    loaded = loaded_by(COMMAND.format(arguments=["pack", "--help"]))
    assert {name for name in loaded if name.startswith("crosslate.cli.")} & {
        "crosslate.cli.pack", "crosslate.cli.adapt", "crosslate.cli.serve"
    } == {"crosslate.cli.pack"}  # fmt: skip


def test_the_check_sees_what_is_loaded():
    assert {"crosslate.errors", "numpy"} <= loaded_by("import crosslate.errors, numpy")


def test_the_names_of_the_package_are_those_it_lists():
    import crosslate

    assert set(crosslate.__all__) <= set(dir(crosslate))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = crosslate.nothing


def test_running_from_another_folder_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert python("-c", IMPORT).returncode == 0
    assert list(Path(tmp_path).iterdir()) == []
