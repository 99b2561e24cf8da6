"""A language appended to parents of many: new rows alone are trained and stored, kept pairs stay byte for byte."""

from __future__ import annotations

import json

import pytest
import torch

import hub_folders
import parents
from crosslate.engines.conversion import export_ctranslate2
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import PackError, ParentError, StrategyError, VocabularyError
from crosslate.models.methods.forms import Slices
from crosslate.models.parent import Parent
from crosslate.models.tensors import named_tensors
from crosslate.models.vocabularies.new_language import NEW, appended_side, coded_side
from crosslate.packs.compact import compressed
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack, verify
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.training.loss import TranslationLoss

# A language beyond the parent's, by the code that its family would give it; T5 has no codes, and Marian's
# stands before the source text whatever language that is.
CODES = {
    "nllb": "kab_Latn", "m2m100": "__kab__", "mbart": "kab_XX", "mbart-50": "kab_XX", "plbart": "__kab__",
    "t5": "", "mt5": "", "marian-of-many": "", "bart": "",
}  # fmt: skip
TEXT = [*parents.TEXT, "qq ww zz qqww zzqq", "wwzz la maison qq"] * 4
SENTENCES = [line for line in hub_folders.lines() if len(line) < 45][:4]
GREEDY = DecodingOptions(beam_size=1, max_new_tokens=12)


@pytest.fixture(scope="module", params=CODES)
def case(request, load_case):
    return load_case(request.param)


def training_for(parent):
    """Trains a vocabulary of 130 pieces with special ids that fit a parent's."""
    return lambda control: train_vocabulary(
        TEXT, 130, special=parent.source.special.fitted(130), control=control
    )


def appended_to(parent, side="source", language="kab-Latn", **options):
    return appended_side(parent, side, language, training_for(parent), **options)


def child_of(parent, strategy="src+xattn", **options):
    sides = [side for side, group in (("source", "src"), ("target", "tgt")) if group in strategy]
    appended = {side: appended_to(parent, side) for side in sides}
    return parents.child(parent, strategy, **appended, **options), appended


def table_of(model, side):
    stack = model.get_encoder() if side == "source" else model.get_decoder()
    return stack.get_input_embeddings().weight


def test_pieces_that_the_parent_has_keep_its_rows(case):
    parent = case.parent
    child, appended = child_of(parent, "src+tgt+xattn")
    for side, each in appended.items():
        old = getattr(parent, side)
        table, theirs = table_of(child.model, side), table_of(parent.model, side)
        shared = 0
        for row, (piece, origin) in enumerate(zip(each.vocabulary.pieces, each.parent_rows, strict=True)):
            if origin != NEW:
                assert torch.equal(table[row], theirs[origin])
                is_special = row in vars(each.vocabulary.special).values()
                assert is_special or old.pieces[origin] == piece
                shared += not is_special
            else:
                assert piece not in old.pieces
        assert len(table) == len(each.vocabulary) == 130
        # Byte-level BPE spells pieces of several letters otherwise where they begin a word.
        assert shared >= 15 and len(each.new_rows) >= 20


def test_the_code_stands_where_the_parents_does(case):
    piece = CODES[case.name]
    for side in ("source", "target"):
        each = appended_to(case.parent, side)
        old, frame = getattr(case.parent, side), each.vocabulary.frame
        assert (len(frame.before), len(frame.after), frame.text) == (
            len(old.frame.before), len(old.frame.after), "",
        )  # fmt: skip
        where = {"nllb": frame.before, "m2m100": frame.before, "mbart-50": frame.before}.get(
            case.name, frame.after
        )
        if side == "target" and case.name in ("mbart", "plbart"):
            where = (each.start,)
        if not piece:
            assert each.code is None and each.start is None
            continue
        assert each.vocabulary.pieces[each.code] == piece
        assert each.code in where
        # No text leads to it, and it is silent.
        assert each.code not in each.vocabulary.segmenter.split_to_ids([f"qq {piece} zz"])[0]
        assert each.vocabulary.decode(each.vocabulary.encode("qq zz")) == "qq zz"


def test_a_new_code_starts_from_the_others(case):
    if not CODES[case.name]:
        return
    parent = case.parent
    child, appended = child_of(parent, "src+xattn")
    each = appended["source"]
    theirs = table_of(parent.model, "source")
    listed = [parent.source.pieces[row] for row in each.relatives]
    assert {"nllb": "fra_Latn", "m2m100": "__fr__"}.get(case.name, listed[0]) in listed
    assert len(listed) == len(set(listed)) >= 3
    torch.testing.assert_close(
        table_of(child.model, "source")[each.code], theirs[list(each.relatives)].mean(0)
    )
    related = appended_to(parent, related="en")
    assert [parent.source.pieces[row] for row in related.relatives] == [
        {"nllb": "eng_Latn", "m2m100": "__en__", "plbart": "__en_XX__"}.get(case.name, "en_XX")
    ]


@pytest.mark.parametrize("strategy", ["src+xattn", "tgt+xattn", "src+tgt+xattn", "tgt+body"])
def test_training_moves_new_rows_alone(case, strategy):
    """Real optimiser steps with weight decay."""
    parent = case.parent
    before = parent.fingerprint()
    child, appended = child_of(parent, strategy)
    start = {name: tensor.detach().clone() for name, tensor in child.changed_tensors().items()}
    tables = {side: table_of(child.model, side).detach().clone() for side in appended}
    trained = list(parents.trained(child).values())
    assert all(any(tensor is each for each in child.model.parameters()) for tensor in trained)
    optimiser = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.1)
    batch = hub_folders.sentence_pair(child, "qq wwzz la maison")
    loss = TranslationLoss(child.model, 0.1)
    losses = []
    for _ in range(3):
        losses.append(loss(batch))
        losses[-1].backward()
        optimiser.step()
        optimiser.zero_grad()
    loss.close()
    assert losses[2] < losses[0]
    for side, each in appended.items():
        table = table_of(child.model, side)
        old = [row for row, origin in enumerate(each.parent_rows) if origin != NEW]
        assert torch.equal(table[old], tables[side][old])
        assert not torch.equal(table[list(each.new_rows)], tables[side][list(each.new_rows)])
    moved = {name for name, tensor in child.changed_tensors().items() if not torch.equal(tensor, start[name])}
    assert moved >= {name for group in child.trained.values() for name in group if "bias" not in name}
    assert parent.fingerprint() == before


@pytest.mark.parametrize("strategy", ["src+xattn", "tgt+xattn", "src+tgt+xattn"])
def test_packs_store_new_rows_and_give_the_same_child(case, strategy, tmp_path):
    child, appended = child_of(case.parent, strategy)
    parents.shake(child).model.requires_grad_(False)
    pack_child(child).save(tmp_path / "pack")
    verify(tmp_path / "pack")
    described = json.loads((tmp_path / "pack" / "pack.json").read_text())
    widths = {side: len(each.new_rows) for side, each in appended.items()}
    records = [record for record in described["tensors"].values() if "form" in record]
    assert len(records) >= len(appended)
    for record in records:
        form = record["form"]
        assert sum(stop - start for start, stop in form["ranges"]) in widths.values()
        assert form["kind"] == "slices" and form["shape"][form["axis"]] == 130
    again = apply_packs(Parent.load(case.folder, **case.layout.languages), [Pack.load(tmp_path / "pack")])
    assert (again.source, again.target) == (child.source, child.target)
    batch = parents.batch(child.source, child.target)
    assert torch.equal(parents.logits(again.model, batch), parents.logits(child.model, batch))
    assert again.model.config.to_dict() == child.model.config.to_dict()
    assert Generation.of(again) == Generation.of(child)
    Pack.load(tmp_path / "pack").save(tmp_path / "again")
    assert (tmp_path / "again" / "pack.json").read_bytes() == (tmp_path / "pack" / "pack.json").read_bytes()


@torch.no_grad()
def test_the_parent_beside_its_pack_translates_byte_for_byte_as_before(case):
    parent = case.parent
    engine = TorchEngine(parent)
    batch = parents.batch(parent.source, parent.target)
    before = parents.logits(parent.model, batch), engine.translate(SENTENCES, GREEDY), parent.fingerprint()
    originals = {name: id(tensor) for name, tensor in named_tensors(parent.model)}
    for strategy in ("src+xattn", "tgt+xattn"):
        child, _ = child_of(parent, strategy)
        pack = pack_child(parents.shake(child))
        resident = apply_packs(parent, [pack])
        kept = parent.target if strategy == "src+xattn" else parent.source
        assert (resident.target if strategy == "src+xattn" else resident.source) is kept
        TorchEngine(resident).translate(TEXT[:2], GREEDY)
        assert torch.equal(parents.logits(parent.model, batch), before[0])
        assert engine.translate(SENTENCES, GREEDY) == before[1]
    assert parent.fingerprint() == before[2]
    assert {name: id(tensor) for name, tensor in named_tensors(parent.model)} == originals


@pytest.mark.parametrize("strategy", ["src+xattn", "tgt+xattn"])
def test_the_new_language_is_translated_by_both_engines_alike(case, strategy, tmp_path):
    child, appended = child_of(case.parent, strategy)
    parents.shake(child)
    texts = TEXT[-2:] if strategy == "src+xattn" else SENTENCES
    by_torch = TorchEngine(child).translate(texts, GREEDY)
    with torch.no_grad():
        export_ctranslate2(child, tmp_path / "model", "float32")
    engine = CTranslate2Engine(tmp_path / "model", inter_threads=1, intra_threads=1)
    assert [best.pieces for (best,) in engine.translate(texts, GREEDY)] == [
        best.pieces for (best,) in by_torch
    ]
    if "target" in appended:
        facts, each = Generation.of(child), appended["target"]
        if each.code is not None:
            assert each.code == (facts.start if each.start is not None else facts.forced_first)
        known = set(child.target.segmenter.pieces)
        assert all(set(best.pieces) <= known for (best,) in by_torch)


def test_a_separate_vocabulary_may_have_a_code_as_well(case, tmp_path):
    piece = CODES[case.name]
    if not piece:
        return
    parent = case.parent
    coded = coded_side(parent, "target", "kab", training_for(parent), code=piece)
    child = parents.child(parent, "tgt+xattn", target=coded)
    parents.shake(child).model.requires_grad_(False)
    pack_child(child).save(tmp_path / "pack")
    pack = Pack.load(tmp_path / "pack")
    assert not any(record.form for record in pack.manifest.tensors.values())
    again = apply_packs(parent, [pack])
    facts = Generation.of(again)
    assert facts == Generation.of(child)
    assert piece == again.target.pieces[facts.start if coded.start is not None else facts.forced_first]
    assert TorchEngine(again).translate(SENTENCES, GREEDY) == TorchEngine(child).translate(SENTENCES, GREEDY)


def test_a_source_and_a_target_are_composed(case):
    parent = case.parent
    packs, tables = [], {}
    for strategy, side in (("src+xattn", "source"), ("tgt+xattn", "target")):
        child, _ = child_of(parent, strategy)
        parents.shake(child).model.requires_grad_(False)
        tables[side] = table_of(child.model, side)
        packs.append(pack_child(child))
        first = Generation.of(child)
    both = apply_packs(parent, packs)
    assert all(torch.equal(table_of(both.model, side), table) for side, table in tables.items())
    facts = Generation.of(both)
    assert (facts.start, facts.forced_first) == (first.start, first.forced_first)


def test_a_compressed_pack_with_a_delta_of_low_rank(case, tmp_path):
    """Other records stand beside appended rows."""
    pytest.importorskip("peft")
    child, appended = child_of(case.parent, "src+lora[xattn;rank=2]")
    parents.shake(child).model.requires_grad_(False)
    batch = parents.batch(child.source, child.target)
    expected = parents.logits(child.model, batch)
    pack = pack_child(child)
    whole = apply_packs(case.parent, [pack])
    torch.testing.assert_close(parents.logits(whole.model, batch), expected, rtol=1e-3, atol=1e-3)
    compressed(pack, dtype="int8").save(tmp_path / "small")
    small = Pack.load(tmp_path / "small")
    assert any(record.form and record.scales for record in small.manifest.tensors.values())
    table = table_of(apply_packs(case.parent, [small]).model, "source")
    old = [row for row, origin in enumerate(appended["source"].parent_rows) if origin != NEW]
    assert torch.equal(table[old], table_of(whole.model, "source")[old])
    torch.testing.assert_close(table, table_of(whole.model, "source"), rtol=0, atol=0.05)


class TestFaults:
    @pytest.fixture
    def nllb(self, load_case):
        return load_case("nllb").parent

    def test_a_code_of_the_parents_stays_the_parents(self, nllb):
        german = appended_to(nllb, language="de")
        row = german.vocabulary.frame.before[0]
        assert german.vocabulary.pieces[row] == "deu_Latn" and not german.relatives
        assert german.parent_rows[row] == nllb.source.pieces.index("deu_Latn")

    @pytest.mark.parametrize(
        ("language", "options", "message"),
        [
            ("kab", {}, "codes name the script, like fra_Latn, and 'kab' does not; give the code, kab_Latn"),
            ("kab", {"code": "kab_Latn", "related": "xx"}, "no code for 'xx'"),
        ],
    )
    def test_codes_that_cannot_be_made(self, nllb, language, options, message):
        with pytest.raises(ParentError, match=message):
            appended_to(nllb, language=language, **options)

    def test_a_family_without_codes(self):
        with pytest.raises(ParentError, match="has no codes of languages on its source side"):
            appended_to(parents.parent("t5"), code="kab_Latn")

    def test_nothing_to_append(self, nllb):
        known = train_vocabulary(TEXT, 130, special=nllb.source.special)
        parent = Parent(nllb.model, known, known, "fr", "en", name="known")
        with pytest.raises(
            VocabularyError, match=r"has every piece of the new source vocabulary.*embed\+xattn"
        ):
            appended_side(parent, "source", "kab", lambda control: known)

    def test_everything_anew(self, nllb):
        with pytest.raises(StrategyError, match="replaces all vocabularies"):
            parents.child(nllb, "scratch", source=appended_to(nllb))

    def test_rows_for_other_pieces_are_refused(self, nllb):
        pack = pack_child(child_of(nllb)[0])
        name, record = next((n, r) for n, r in pack.manifest.tensors.items() if r.form)
        other = Slices.of(record.form.shape, 0, range(130 - record.shape[0], 130))
        assert other != record.form
        pack.manifest = pack.manifest.changed(
            tensors={**pack.manifest.tensors, name: record.changed(form=other)}
        )
        with pytest.raises(PackError, match="do not match the pieces that the parent lacks"):
            apply_packs(nllb, [pack])
