"""The guides' commands, one after the other, on a stand-in for the model of the hub that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import families
import hub_folders
from crosslate.text.phrasebook import Phrasebook

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
STAND_INS = {
    "opus-mt": ("Helsinki-NLP/opus-mt-fr-en", "marian", "oc-en"),
    "nllb": ("facebook/nllb-200-distilled-600M", "nllb", "nds-en"),
    "mbart": ("facebook/mbart-large-50-many-to-many-mmt", "mbart-50", "en-da"),
}
SMALLER = {
    "adapt": ["--updates", "2", "--no-cleaning", "--vocab-size", "150", "--max-tokens", "40"],
    "plan": [],
    "translate": ["--max-new-tokens", "8"],
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


def test_there_is_a_test_for_every_guide():
    """Of a model of the hub, that is; the others' subjects have tests of their own."""
    others = {"bulk", "documents", "exporting", "serving"}
    assert {guide.stem for guide in GUIDES.glob("*.md")} - others == set(STAND_INS)


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
            ran.add(f"{command} {arguments[0]}" if command in ("pack", "parent") else command)
    assert ran >= {"adapt", "translate", "evaluate", "pack merge", "pack export"}
    assert (tmp_path / "merged" / pair / "README.md").is_file()
    assert (tmp_path / "fast" / pair / "model.bin").is_file()
