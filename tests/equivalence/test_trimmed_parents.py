"""Parents of many languages cut to the pieces of a text: the same translations from smaller folders."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import transformers
from safetensors import safe_open

import hub_folders
from crosslate.adaptation import trimming
from crosslate.adaptation.trimming import trim
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import ParentError
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.saved_vocabularies import SAVED_VOCABULARIES

# All that transformers reads again; the others' vocabularies are in files of our own.
OWN_FILES = {"plbart", "blenderbot-small"}
SHARED = [name for name in hub_folders.LAYOUTS if name not in ("fsmt", "marian-separate")]
LINES = [line for line in hub_folders.lines() if len(line) < 45][:40]
GREEDY = DecodingOptions(beam_size=1, max_new_tokens=12)


@pytest.fixture(scope="module", params=SHARED)
def case(request, load_case, tmp_path_factory):
    """A folder in half precision, the parent in it, the trimmed parent and its account."""
    whole = load_case(request.param)
    small = tmp_path_factory.mktemp("trimmed") / "small"
    trimmed, account = trim(whole.parent, LINES, small)
    return SimpleNamespace(**vars(whole), trimmed=trimmed, account=account, small=small)


def kept_rows(case):
    rows = {piece: row for row, piece in enumerate(case.parent.source.pieces)}
    return [rows[piece] for piece in case.trimmed.source.pieces]


def test_the_account_is_of_what_lies_on_disk(case):
    account = case.account
    assert account.rows_after == len(case.trimmed.source) < account.rows_before
    assert account.bytes_after < account.bytes_before
    assert (account.dtype, account.num_lines) == ("float16", 40)
    assert account.num_compared >= 8
    with safe_open(case.small / "model.safetensors", framework="pt") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 (not a dictionary)
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float16}


def test_rows_are_the_whole_parents(case):
    kept = kept_rows(case)
    assert kept == sorted(kept)
    for side in ("get_encoder", "get_decoder"):
        whole, small = (
            getattr(each.model, side)().get_input_embeddings().weight for each in (case.parent, case.trimmed)
        )
        assert torch.equal(small, whole[kept])
    ties = [case.parent.anatomy.ties, case.trimmed.anatomy.ties]
    assert ties[0] == ties[1]


def test_kept_text_is_segmented_as_before(case):
    rows = kept_rows(case)
    for line in LINES:
        for side in ("source", "target"):
            whole, small = (getattr(each, side) for each in (case.parent, case.trimmed))
            assert [rows[index] for index in small.encode(line)] == whole.encode(line)
            assert small.decode(small.encode(line)) == whole.decode(whole.encode(line))


def test_what_is_written_is_what_the_whole_parent_writes_of_the_kept_pieces(case, monkeypatch):
    """The whole parent's translations, with the pieces that are gone forbidden, are the trimmed one's."""
    gone = sorted(set(range(len(case.parent.target))) - set(kept_rows(case)))
    never = Generation.of(case.parent).never_generated(case.parent.target, allow_unknown=False)
    with monkeypatch.context() as patch:
        patch.setattr(Generation, "never_generated", lambda *_, allow_unknown: [*never, *gone])
        expected = [best for (best,) in TorchEngine(case.parent).translate(LINES[:6], GREEDY)]
    found = [best for (best,) in TorchEngine(case.trimmed).translate(LINES[:6], GREEDY)]
    assert [best.pieces for best in found] == [best.pieces for best in expected]
    assert [best.score for best in found] == pytest.approx([best.score for best in expected], abs=1e-3)


def test_transformers_reads_the_folder_too(case):
    assert case.account.has_tokenizer == (case.name not in OWN_FILES)
    assert (case.small / SAVED_VOCABULARIES).exists() == (case.name in OWN_FILES)
    transformers.AutoModelForSeq2SeqLM.from_pretrained(case.small)
    if case.name in OWN_FILES:
        return
    tokenizer = transformers.AutoTokenizer.from_pretrained(case.small)
    if case.layout.codes:
        tokenizer.src_lang, tokenizer.tgt_lang = case.layout.codes
    prefix = {"t5": "translate French to English: ", "marian-of-many": ">>eng<<"}.get(case.name, "")
    for line in LINES[:10]:
        assert tokenizer(prefix + line)["input_ids"] == case.trimmed.source.encode(line)


def test_another_word_is_cut_into_smaller_pieces_and_not_unknown(case):
    if case.name == "blenderbot-small":  # its rules are code, which has no list of pieces to shorten
        return
    vocabulary = case.trimmed.source
    line = next(
        line
        for line in hub_folders.lines()
        if any(piece not in vocabulary.pieces for piece in case.parent.source.encode_pieces(line))
        and set(line) <= set("".join(hub_folders.lines()[:200]))
    )
    unknown = [each.encode(line).count(each.special.unk) for each in (vocabulary, case.parent.source)]
    assert unknown[0] == unknown[1]  # T5's own prefix has a letter that the toy text lacks
    assert vocabulary.decode(vocabulary.encode(line)) == case.parent.source.decode(
        case.parent.source.encode(line)
    )


OF_MANY = [("fr", "en"), ("en", "fr"), ("fr", "es")]
PAIRS = {
    "nllb": [("fr", "en"), ("en", "fr"), ("fr", "de")],
    "m2m100": OF_MANY, "mbart": OF_MANY, "mbart-50": OF_MANY,
    "marian-of-many": [("fr", "en"), ("fr", "es")],
    "t5": [("fr", "en"), ("en", "de")],  # the tasks that it lists
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_is_opened_from_the_one_folder(name, load_case, tmp_path):
    folder = load_case(name).folder
    trim(load_case(name).parent, LINES, tmp_path / "small")
    for source, target in PAIRS[name]:
        whole, small = (
            Parent.load(each, source_language=source, target_language=target)
            for each in (folder, tmp_path / "small")
        )
        for expected, found in ((whole.source, small.source), (whole.target, small.target)):
            for line in LINES[:5]:
                assert [found.pieces[index] for index in found.encode(line)] == [
                    expected.pieces[index] for index in expected.encode(line)
                ]
        first = [
            each.model.generation_config.forced_bos_token_id
            or each.model.generation_config.decoder_start_token_id
            for each in (whole, small)
        ]
        assert small.target.pieces[first[1]] == whole.target.pieces[first[0]]


@pytest.mark.parametrize("name", ["nllb", "mbart", "m2m100", "t5", "bart"])
def test_files_that_transformers_wrote_are_trimmed_as_well(name, tmp_path):
    """As newer checkpoints lie on the hub: tokenizer.json, with what a tokenizer adds beside it."""
    layout = hub_folders.write(name, tmp_path / "hub")
    transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hub").save_pretrained(tmp_path / "whole")
    transformers.AutoTokenizer.from_pretrained(tmp_path / "hub").save_pretrained(tmp_path / "whole")
    parent = Parent.load(tmp_path / "whole", **layout.languages)
    _, account = trim(parent, LINES, tmp_path / "small")
    assert account.has_tokenizer and account.dtype == "float16"
    again = Parent.load(tmp_path / "small", **layout.languages)
    for line in LINES[:5]:
        assert [again.source.pieces[index] for index in again.source.encode(line)] == [
            parent.source.pieces[index] for index in parent.source.encode(line)
        ]
    assert again.fingerprint() == trim(parent, LINES, tmp_path / "other")[0].fingerprint()


def test_rare_pieces_may_be_left_out(load_case, tmp_path):
    sizes = []
    for count in (1, 3):
        trimmed, account = trim(load_case("nllb").parent, LINES, tmp_path / str(count), min_occurrences=count)
        sizes.append(len(trimmed.source))
        assert account.num_compared >= 1
    assert sizes[1] < sizes[0]


def test_two_vocabularies_and_empty_text_are_refused(load_case, tmp_path):
    with pytest.raises(ParentError, match="has two vocabularies"):
        trim(load_case("marian-separate").parent, LINES, tmp_path / "small")
    with pytest.raises(ParentError, match="no text was given"):
        trim(load_case("mbart").parent, ["", " "], tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_a_folder_that_does_not_agree_is_not_written(load_case, tmp_path, monkeypatch):
    honest = trimming.trim_to_languages

    def damaged(*arguments, **options):
        made = honest(*arguments, **options)
        with torch.no_grad():
            made.model.get_decoder().get_input_embeddings().weight[10:].neg_()
        return made

    monkeypatch.setattr(trimming, "trim_to_languages", damaged)
    with pytest.raises(ParentError, match=r"differs from .* nothing was written"):
        trim(load_case("nllb").parent, LINES, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []
