"""``crosslate pack``: every number with its unit or signature, and nothing shown that was not verified."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.translation.translator import Translator


def facts(lines):
    """Labels with their values; a line without label goes on with the last one."""
    found: dict[str, list[str]] = {}
    for line in lines:
        label, value = line[:9].strip(), line[11:]
        key = label or key  # noqa: F821
        found.setdefault(key, []).append(value)
    return found


class TestShow:
    def test_a_pack_with_its_record(self, crosslate, tiny):
        pack = tiny / "packs/de-en"
        ran = crosslate("pack", "show", pack)
        assert ran.code == 0, ran.err
        assert ran.lines[0] == f"de-en src+xattn ({pack})"
        shown = facts(ran.lines[1:])
        fingerprint = json.loads((pack / "pack.json").read_text())["parent"]["fingerprint"]
        assert shown["languages"] == ["German (de) to English (en); new source vocabulary of 80 pieces"]
        assert shown["strategy"] == ["src+xattn"]
        assert shown["parent"][0].endswith("parents/fr-en, French (fr) to English (en)")
        assert shown["parent"][1] == f"fingerprint {fingerprint}"
        # 80 x 32 embeddings, 4 x (32 x 32 + 32) projections and 2 x 32 of the norm, 4 bytes each, and names.
        (stored,) = shown["stored"]
        assert stored.startswith("11 tensors, 28.") and stored.endswith(
            " kB, 24.9 % of the parameters of a full model (2.5 MB)"
        )
        assert shown["training"] == [
            "3 epochs, 1,200 updates, best after 1,000, 62 s at 4,321 tokens/s, seed 7, fp32",
            "ended: reached the limit of epochs",
        ]
        assert shown["data"] == [
            "trained on 14,500 pairs of train.de + train.en",
            "validated on 290 pairs of train.de + train.en, held out of the training text",
            "cleaning kept 14,500 of 14,600 pairs",
        ]
        assert shown["scores"] == [
            "BLEU 31.25 [30.00, 32.50] on val.de + val.en",
            "signature nrefs:1|case:mixed|tok:zh|version:2.6.0",
        ]
        assert shown["licence"] == ["CC0-1.0"]

    def test_a_bare_pack_whose_name_rich_would_read_as_markup(self, crosslate, tiny):
        ran = crosslate("pack", "show", tiny / "packs/fr-es")
        assert ran.lines[0].startswith("fr-es tgt+xattn[k,v] (")
        shown = facts(ran.lines[1:])
        assert shown["strategy"] == ["tgt+xattn[k,v]"] and shown["licence"] == ["unspecified"]
        assert not {"training", "data", "scores"} & set(shown)

    @pytest.mark.parametrize(
        "record", [{"updates": "many"}, {"parameters": 3, "settings": [], "machine": None}]
    )
    def test_free_form_records_of_others_are_no_fault(self, crosslate, tiny, record):
        from crosslate.cli.pack import _training

        assert _training(record) == []

    def test_at_a_terminal(self, tiny):
        import io

        from rich.console import Console

        from crosslate.cli.console import print_facts

        out = Console(file=io.StringIO(), force_terminal=True, width=40, color_system=None)
        print_facts(out, [("label", "word " * 12), ("", "[k,v] :dog:")])
        lines = [line.rstrip() for line in out.file.getvalue().splitlines()]
        assert lines == [
            "label  " + "word " * 5 + "word",
            "       " + "word " * 5 + "word",
            "       [k,v] :dog:",
        ]


class TestVerify:
    def test_alone(self, crosslate, tiny):
        ran = crosslate("pack", "verify", tiny / "packs/de-en")
        assert ran.code == 0
        assert "packs/de-en: valid; 3 files, 11 tensors, 35.0 kB, all hashes match" in ran.lines[0]
        assert ran.lines[1].startswith("parent not checked (use --parent); it needs ")

    def test_with_its_parent_and_with_another(self, crosslate, tiny):
        ran = crosslate("pack", "verify", tiny / "packs/de-en", "--parent", tiny / "parents/fr-en")
        assert ran.code == 0 and ran.lines[1].startswith(f"fits {tiny / 'parents/fr-en'}, fingerprint ")
        ran = crosslate("pack", "verify", tiny / "packs/de-en", "--parent", tiny / "parents/other")
        assert (ran.code, ran.out) == (4, "") and "was made for another parent" in ran.err

    def test_a_damaged_pack_with_two_faults(self, crosslate, tiny, tmp_path):
        shutil.copytree(tiny / "packs/de-en", tmp_path / "pack")
        (tmp_path / "pack/source.spm").write_text("changed")
        (tmp_path / "pack/extra").write_text("")
        for command in ("show", "verify"):
            ran = crosslate("pack", command, tmp_path / "pack")
            assert (ran.code, ran.out) == (4, "")
            assert "2 faults:" in ran.err and "extra does not belong to a pack" in ran.err


class TestDiff:
    def test_two_packs_of_one_parent(self, crosslate, tiny):
        packs = tiny / "packs/de-en", tiny / "packs/fr-es"
        ran = crosslate("pack", "diff", *packs)
        assert ran.code == 0, ran.err
        text = " ".join(ran.out.split())
        assert "strategy src+xattn tgt+xattn[k,v]" in text and "licence CC0-1.0 unspecified" in text
        assert "bleu on val.de + val.en 31.25 - -" in text
        assert "train train.de + train.en, 14500 pairs -" in text
        assert "source vocabulary: 80 pieces, then the parent's; 80 removed: " in text
        assert "target vocabulary: the parent's, then 80 pieces; 80 added: " in text
        assert "model.encoder.embed_tokens.weight only in the first" in text
        assert "parent" not in text.replace("the parent's", "")
        ran = crosslate("pack", "diff", *packs, "--json")
        values = json.loads(ran.out)
        assert values["vocabularies"][0]["first_size"] == 80 and len(values["vocabularies"][1]["added"]) == 80
        assert values["removed_tensors"] and values["changed_tensors"] is not None

    def test_a_pack_and_itself(self, crosslate, tiny):
        ran = crosslate("pack", "diff", tiny / "packs/de-en", tiny / "packs/de-en")
        assert ran.code == 0 and ran.lines[-1] == "the same pack, to the bit"
        ran = crosslate("pack", "diff", tiny / "packs/de-en", tiny / "packs/none")
        assert ran.code == 4 and "no such folder; expected the folder of a pack, or its id" in ran.err


class TestCompress:
    def test_fewer_bytes_that_still_translate(self, crosslate, tiny, tmp_path):
        whole, small = tiny / "packs/de-en", tmp_path / "small"
        ran = crosslate("pack", "compress", whole, "--out", small, "--rank", 4, "--dtype", "int8")
        assert ran.code == 0, ran.err
        # 80 x 32 embeddings, 4 x (32 x 32 + 32) projections and 2 x 32 of the norm in float32 ...
        # ... became 80 x 32 bytes and 80 scales, 4 x 4 x 64 bytes and 4 x 4 scales, 6 x 32 numbers in bfloat16.
        assert ran.lines == [
            f"27.4 kB of tensors before, {(2560 + 4 * 80 + 1024 + 4 * 16 + 2 * 192) / 1000:.1f} kB after "
            f"({100 * 4352 / 27392:.1f} %), saved to {small}"
        ]
        assert crosslate("pack", "verify", small, "--parent", tiny / "parents/fr-en").code == 0
        ran = crosslate(
            "translate", "--pack", small, "--parent", tiny / "parents/fr-en", stdin=b"Hund sieht\n"
        )
        assert ran.code == 0 and len(ran.lines) == 1

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            ((), 2, "neither a rank nor a type is given"),
            (("--dtype", "int4"), 2, "did you mean 'int8'?"),
            (("--rank", -1), 2, "rank is -1, expected at least 0"),
            (("--dtype", "int4", "--parent", "nowhere"), 2, "unknown type 'int4'"),
            (("--rank", 4, "--parent", "other"), 4, "was made for another parent"),
        ],
    )
    def test_what_is_refused(self, crosslate, tiny, tmp_path, options, code, message):
        given = [tiny / "parents/other" if each == "other" else each for each in options]
        ran = crosslate("pack", "compress", tiny / "packs/de-en", "--out", tmp_path / "small", *given)
        assert (ran.code, ran.out) == (code, "") and message in ran.err
        assert list(tmp_path.iterdir()) == []

    def test_what_would_grow(self, crosslate, tiny, tmp_path):
        small, larger = tmp_path / "small", tmp_path / "larger"
        ran = crosslate("pack", "compress", tiny / "packs/de-en", "--out", small, "--dtype", "int8")
        assert ran.code == 0
        shown = crosslate("pack", "show", small).out
        assert "then compressed: int8\n" in shown
        ran = crosslate("pack", "compress", small, "--out", larger, "--dtype", "bfloat16")
        assert ran.code == 2 and "would not shrink" in ran.err and not larger.exists()


class TestMerge:
    def test_two_packs(self, crosslate, tiny, tmp_path):
        out = tmp_path / "de-es"
        ran = crosslate("pack", "merge", tiny / "packs/de-en", tiny / "packs/fr-es", "--out", out)
        assert ran.code == 0, ran.err
        assert re.fullmatch(
            rf"de-es: \d+ files of [\d.]+ (kB|MB), tensors in float32, saved to {out}", ran.lines[0]
        )
        assert re.fullmatch(
            r"checked with transformers: no tensor missing, (identical logits|logits within .*), "
            rf"identical tokens for 8 sentences; see {out}/README.md for how to translate",
            ran.lines[1],
        )

    def test_another_precision_must_be_known(self, crosslate, tiny, tmp_path):
        ran = crosslate("pack", "merge", tiny / "no-pack", "--out", tmp_path / "x", "--dtype", "int8")
        assert ran.code == 2 and "unknown precision 'int8'" in ran.err


class TestExport:
    def test_the_folder_translates_alone(self, crosslate, tiny, tmp_path):
        packs = tiny / "packs/de-en", tiny / "packs/fr-es"
        ran = crosslate("pack", "export", *packs, "--out", tmp_path / "de-es")
        assert ran.code == 0, ran.err
        assert ran.lines[0].startswith("de-es: ") and " MB, tensors in float32, saved to " in ran.lines[0]
        greedy = DecodingOptions(beam_size=1, max_new_tokens=6)
        exported = CTranslate2Engine(tmp_path / "de-es").translate(["Hund sieht"], greedy)
        live = Translator.open(packs, engine="pytorch").engine.translate(["Hund sieht"], greedy)
        assert exported[0][0].pieces == live[0][0].pieces


@pytest.mark.parametrize("command", [("export",), ("merge",), ("compress", "--rank", 4)])
def test_nothing_is_replaced(crosslate, tiny, tmp_path, command):
    ran = crosslate("pack", *command, tiny / "packs/de-en", "--out", tmp_path)
    assert ran.code == 3 and "already exists" in ran.err
