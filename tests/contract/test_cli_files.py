"""The commands on recordings: the page's examples, N files in and N lines out, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import families
import signals
from crosslate.packs.pack import Pack

PAGE = Path(__file__).parents[2] / "docs" / "speech-and-images.md"
SHORT = ("--max-new-tokens", "6")


@pytest.fixture(scope="module")
def spanish(tmp_path_factory):
    """A folder as the page has it: a parent, recordings with tables, and a list of the test recordings."""
    folder = tmp_path_factory.mktemp("page")
    signals.write("whisper", folder / "parents" / "speech")
    for part, count in (("train", 12), ("valid", 4), ("test", 3)):
        place = folder / "spanish" / part
        signals.write_table(signals.recordings(place, count), place)
    (folder / "spanish" / "test" / "files.txt").write_text("2.wav\n0.wav\n")
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def adapted(spanish):
    """The same, with a pack of two updates."""
    import toy_corpora
    from crosslate.adaptation.adapt import adapt
    from crosslate.adaptation.settings import NewLanguages, PackOutput
    from crosslate.signals.corpora import read_signals

    train, valid = (read_signals([spanish / "spanish" / part], "fr", "es") for part in ("train", "valid"))
    out = PackOutput(folder=spanish / "packs" / "ready")
    adapt(
        signals.load(spanish / "parents" / "speech"), train, valid, new=NewLanguages(target="es", strategy="tgt"),
        training=toy_corpora.settings(max_epochs=1), output=out,
    )  # fmt: skip
    return spanish


def test_every_example_of_the_page_works(crosslate, spanish, monkeypatch):
    monkeypatch.chdir(spanish)
    smaller = {"adapt": ["--updates", "2"], "evaluate": [*SHORT, "--samples", "20"], "translate": SHORT}
    with families.one_thread():
        for line in "".join(blocks("sh")).replace("\\\n", " ").splitlines():
            program, command, *arguments = shlex.split(line)
            ran = crosslate(command, *arguments, *smaller.get(command, []))
            assert (program, ran.code) == ("crosslate", 0), f"{line}\n{ran.err}"
            if command == "translate":
                written = Path("spanish/test/written.es")
                lines = written.read_text().splitlines() if "--output" in arguments else ran.lines
                assert len(lines) == 2
        assert (spanish / "merged" / "fr-es" / "tokenizer" / "target.spm").is_file()
        (program,) = blocks("python")
        fast = program.replace('strategy="tgt+xattn")', 'strategy="tgt")').replace(
            "output=", "training=toy_corpora.settings(max_epochs=1), output="
        )
        assert fast != program
        found: dict = {}
        exec(compile(f"import toy_corpora\n{fast}", str(PAGE), "exec"), found)
    assert len(found["lines"]) == 2
    assert Pack.load(Path("packs/fr-es")).manifest.data["train"]["files"]["kind"] == "audio"


def test_the_table_of_the_page_can_be_read(tmp_path):
    from crosslate.signals.corpora import read_signals

    for name in ("0.wav", "1.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "metadata.tsv").write_text(blocks("")[0])
    assert read_signals([tmp_path], "fr", "es").target == ("uno dos.", "dos uno tres.")


def test_files_are_given_or_listed(crosslate, adapted, monkeypatch):
    monkeypatch.chdir(adapted / "spanish" / "test")
    model = ("translate", "--pack", adapted / "packs" / "ready", *SHORT)
    given = crosslate(*model, "--input", "0.wav", "1.wav", "2.wav")
    assert given.code == 0 and len(given.lines) == 3, given.err
    assert crosslate(*model, stdin=b"0.wav\n1.wav\n2.wav\n").lines == given.lines
    listed = crosslate(*model, "--input", "files.txt", "1.wav").lines
    assert listed == [given.lines[2], given.lines[0], given.lines[1]]
    ranked = crosslate(*model, "--input", "0.wav", "--n-best", "2").lines
    assert len(ranked) == 1 and len(ranked[0].split("\t")) == 4


def test_missing_and_bad_files_are_named_before_the_output_is_written(
    crosslate, adapted, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = ("translate", "--pack", adapted / "packs" / "ready", "--output", "out")
    (tmp_path / "list.txt").write_text("a.wav\n")
    ran = crosslate(*model, "--input", "list.txt", "b.wav")
    assert (
        ran.code == 3 and "list.txt, line 1: 'a.wav' is no file in" in ran.err and "'b.wav' is no" in ran.err
    )
    signals.write_wave(tmp_path / "b.wav", signals.tone(440, 1.2))
    ran = crosslate(*model, "--input", "b.wav")
    assert (
        ran.code == 3 and "is 1.2 seconds long, but the model reads at most 1; cut the recording" in ran.err
    )
    assert not (tmp_path / "out").exists()


def test_a_test_set_of_recordings_is_scored(crosslate, adapted):
    test = ("evaluate", "--test", adapted / "spanish" / "test", "--samples", "0", "--json", "-", *SHORT)
    ran = crosslate(*test, "--pack", adapted / "packs" / "ready")
    assert ran.code == 0, ran.err
    values = json.loads(ran.out)
    assert {"BLEU", "chrF2"} <= set(re.findall(r"BLEU|chrF2", ran.out)) and values
    own = crosslate(*test, "--parent", adapted / "parents" / "speech", "--parent-langs", "fr-es")
    assert own.code == 0, own.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--format", "html"),
            "this model reads audio, not text, so --format, --glossary and --on ray have no use",
        ),
        (("--engine", "ctranslate2"), "the CTranslate2 engine does not read audio"),
        (("--engine", "onnx"), "the ONNX engine does not read audio"),
    ],
)
def test_what_is_for_text_is_refused(crosslate, adapted, arguments, reason):
    file = adapted / "spanish" / "test" / "0.wav"
    ran = crosslate("translate", "--pack", adapted / "packs" / "ready", "--input", file, *arguments)
    assert ran.code != 0 and reason in " ".join(ran.err.split()), ran.err


def test_comet_is_refused(crosslate, adapted, monkeypatch):
    monkeypatch.setattr("crosslate.cli.evaluate.check_installed", lambda settings: None)
    ran = crosslate(
        "evaluate", "--test", adapted / "spanish" / "test", "--pack", adapted / "packs" / "ready", "--comet"
    )
    assert ran.code == 2 and "COMET compares with the source text" in " ".join(ran.err.split())


def test_lines_are_not_translated_by_what_reads_recordings(crosslate, adapted, tmp_path):
    (tmp_path / "text").write_text("a.wav\n")
    model = ("--pack", adapted / "packs" / "ready")
    ran = crosslate(
        "back-translate", *model, "--input", tmp_path / "text", "--output", tmp_path / "out.jsonl"
    )
    assert ran.code == 2 and "reads audio; expected a model that translates text" in " ".join(ran.err.split())
