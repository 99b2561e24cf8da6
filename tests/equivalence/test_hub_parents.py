"""Parents of every family as they lie on the hub: they read and write what transformers itself reads and writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
import torch
import transformers
from transformers import GenerationConfig

import hub_folders
import parents
import support
from crosslate.engines.conversion import export_ctranslate2
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError, ParentError, UsageError
from crosslate.evaluation.attention import attend
from crosslate.evaluation.embeddings import embeddings
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.trimming import trim_parent
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack
from crosslate.packs.stored_model import StoredModel
from crosslate.training.loss import TranslationLoss

NUM_NEW = 12
GREEDY = DecodingOptions(beam_size=1, max_new_tokens=NUM_NEW)
BEAM = DecodingOptions(beam_size=5, max_new_tokens=NUM_NEW)
SENTENCES = [line for line in hub_folders.lines() if len(line) < 45][:6]
TEXTS = [*SENTENCES, "Déjà vu, n'est-ce pas?", "a", "x ☃ y"]
NOT_EXPORTED = {name for name, facts in support.FAMILIES.items() if not facts.is_exported}
"""Blenderbot-small adds positions after the norm of the embeddings, for which CTranslate2 has no counterpart."""


def tokenizer_of(case) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(case.folder)
    if case.layout.codes:
        tokenizer.src_lang, tokenizer.tgt_lang = case.layout.codes
    return tokenizer


def prefixed(case, text):
    """What a user of transformers puts before the text by hand."""
    return {"t5": "translate French to English: ", "marian-of-many": ">>eng<<"}.get(case.name, "") + text


def code_of_target(case, tokenizer) -> int | None:
    if not case.layout.codes:
        return None
    code = case.layout.codes[1]
    return int(
        tokenizer.get_lang_id(code) if case.name == "m2m100" else tokenizer.convert_tokens_to_ids(code)
    )


def translated_plainly(case, texts, suppressed) -> list[list[int]]:
    """Greedy ids the way of transformers' documentation, without what Crosslate never generates."""
    tokenizer = tokenizer_of(case)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(case.folder, dtype=torch.float32).eval()
    code = code_of_target(case, tokenizer)
    first = {"mbart-50": code, "m2m100": code, "nllb": code, "bart": 0}.get(case.name)
    start = {"mbart": code, "plbart": code}.get(case.name, model.config.decoder_start_token_id)
    config = GenerationConfig(
        max_new_tokens=NUM_NEW, num_beams=1, do_sample=False, decoder_start_token_id=start,
        forced_bos_token_id=first, eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id, suppress_tokens=suppressed,
        min_new_tokens=1 if first is None else 2,
    )  # fmt: skip
    found = []
    for text in texts:
        ids = tokenizer(prefixed(case, text), return_tensors="pt", return_token_type_ids=False)
        generated = model.generate(**ids, generation_config=config)[0, 1:].tolist()
        if model.config.eos_token_id in generated:
            generated = generated[: generated.index(model.config.eos_token_id)]
        found.append(generated[1:] if first is not None and generated[:1] == [first] else generated)
    return found


def ids_of(vocabulary, hypotheses) -> list[list[int]]:
    rows = {piece: row for row, piece in enumerate(vocabulary.pieces)}
    return [[rows[piece] for piece in best.pieces] for (best,) in hypotheses]


def fingerprints(parent) -> tuple[str, str, str]:
    return parent.fingerprint(), parent.source.fingerprint, parent.target.fingerprint


def test_it_loads_in_full_precision(case):
    parent = case.parent
    assert {tensor.dtype for tensor in parent.model.parameters()} == {torch.float32}
    expected = ("art-python", "en") if case.name == "plbart" else ("fr", "en")
    assert (parent.source_language, parent.target_language) == expected
    special = parent.source.special
    assert (special.eos, special.pad) == (parent.model.config.eos_token_id, parent.model.config.pad_token_id)


def test_text_is_read_and_written_as_its_own_tokenizer_does(case):
    tokenizer, parent = tokenizer_of(case), case.parent
    for text in TEXTS:
        assert parent.source.encode(text) == tokenizer(prefixed(case, text))["input_ids"], text
    assert [parent.source.encode(text) for text in TEXTS] == parent.source.encode_batch(TEXTS)
    for text in SENTENCES:
        ids = parent.target.encode(text)
        if case.name == "fsmt":  # its tokenizer cannot encode the target side
            assert parent.target.decode(parent.target.encode("les amis de Laura")) == "les amis de Laura"
            continue
        labels = tokenizer(text_target=text)["input_ids"]
        end = parent.target.special.eos
        # Codes after the end go to the front when labels are shifted; some tokenizers leave the end out.
        assert ids == [*(labels[: labels.index(end)] if end in labels else labels), end]
        inner = ids[len(parent.target.frame.before) : -1]
        written = tokenizer.decode(inner, skip_special_tokens=True).strip()
        # PLBart's tokenizer removes spaces before punctuation that were in the text.
        assert written == (text.replace(" ?", "?") if case.name == "plbart" else parent.target.decode(ids))
        assert parent.target.decode(ids).lower() == text.lower() or case.name == "blenderbot-small"


SPELLED = [
    "les </s> amis", "<s>les</s>", "<pad> les", "<unk>", "eng_Latn les", "fr_XX les en_XX", "__en__ __java__", ">>eng<< <mask>",
    "__null__ __end__ __unk__", "<extra_id_0>",
]  # fmt: skip


def test_text_that_spells_special_pieces_is_text(case):
    """On both sides, alone and together, and so for either engine, which gets these ids."""
    special = {str(token) for token in tokenizer_of(case).all_special_tokens} | set(" ".join(SPELLED).split())
    special -= {"les", "amis"}
    for vocabulary in (case.parent.source, case.parent.target):
        unknown, frame = vocabulary.pieces[vocabulary.special.unk], vocabulary.frame
        together = vocabulary.encode_batch(SPELLED)
        for text, ids in zip(SPELLED, together):
            assert vocabulary.encode(text) == ids
            inner = ids[len(frame.before) : len(ids) - len(frame.after)]
            assert not (special - {unknown}).intersection(vocabulary.pieces[index] for index in inner), text


def test_its_own_pair_is_translated_as_by_transformers(case):
    parent = case.parent
    suppressed = Generation.of(parent).never_generated(parent.target, allow_unknown=False)
    texts = [*TEXTS, *hub_folders.lines()[-8:]]
    expected = translated_plainly(case, texts, suppressed)
    assert len({tuple(ids) for ids in expected}) >= 3  # the source matters
    assert ids_of(parent.target, TorchEngine(parent).translate(texts, GREEDY)) == expected


def test_nothing_in_nothing_out(case):
    assert [best.text for (best,) in TorchEngine(case.parent).translate(["", "  "], GREEDY)] == ["", ""]


@pytest.mark.parametrize("side", hub_folders.SIDES)
def test_sides_are_replaced_packed_and_put_back(case, side, tmp_path):
    parent = case.parent
    before = parent.fingerprint()
    child = hub_folders.shaken_child(parent, side)
    pack_child(child).save(tmp_path / "pack")
    again = apply_packs(Parent.load(case.folder, **case.layout.languages), [Pack.load(tmp_path / "pack")])
    batch = parents.batch(child.source, child.target)
    logits = parents.logits(child.model, batch)
    assert logits.shape[-1] >= len(child.target)
    assert torch.equal(parents.logits(again.model, batch), logits)
    assert parent.fingerprint() == before
    german = ["der Hund sieht die Katze", "ein Vogel singt im Wald"]
    texts = TEXTS[:3] if side == "target" else german
    by_torch = TorchEngine(child).translate(texts, GREEDY)
    assert ids_of(again.target, TorchEngine(again).translate(texts, GREEDY)) == ids_of(child.target, by_torch)
    facts = Generation.of(child)
    expected_first = Generation.of(parent).forced_first if side == "source" else None
    assert facts.forced_first == expected_first


@pytest.mark.parametrize("side", hub_folders.SIDES)
def test_the_loss_of_a_child_reaches_all_that_is_trained(case, side):
    child = hub_folders.shaken_child(case.parent, side)
    batch = hub_folders.sentence_pair(child, "ein Vogel singt")
    loss = TranslationLoss(child.model, 0.1)
    loss(batch).backward()
    loss.close()
    for name, tensor in parents.trained(child).items():
        assert tensor.grad is not None and tensor.grad.isfinite().all(), name
    assert all(parameter.grad is None for parameter in case.parent.model.parameters())


def test_files_that_transformers_wrote_again(case, tmp_path):
    """Other files than the hub's, the same vocabularies: packs still know their parent."""
    tokenizer_of(case).save_pretrained(tmp_path)
    transformers.AutoModelForSeq2SeqLM.from_pretrained(case.folder).save_pretrained(tmp_path)
    again = Parent.load(tmp_path, **case.layout.languages)
    assert fingerprints(again) == fingerprints(case.parent)


@pytest.mark.parametrize("case", ["marian", "nllb"], indirect=True)
def test_the_engine_of_an_export_needs_neither_torch_nor_transformers(case, tmp_path):
    export_ctranslate2(case.parent, tmp_path / "model", "float32")
    expected = [best.text for (best,) in TorchEngine(case.parent).translate(SENTENCES[:2], GREEDY)]
    program = f"""
import json, sys
sys.modules["torch"] = sys.modules["transformers"] = None
from pathlib import Path
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
found = CTranslate2Engine(Path({str(tmp_path / "model")!r})).translate(
    {SENTENCES[:2]!r}, DecodingOptions(beam_size=1, max_new_tokens={NUM_NEW}))
print(json.dumps([best.text for (best,) in found]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected


def test_both_engines_agree(case, tmp_path):
    parent = case.parent
    if case.name in NOT_EXPORTED:
        with pytest.raises(EngineError, match=r"cannot export.*use the PyTorch engine"):
            export_ctranslate2(parent, tmp_path / "model", "float32")
        return
    for number, model in enumerate((parent, hub_folders.shaken_child(parent, "source"))):
        export_ctranslate2(model, tmp_path / str(number), "float32")
        engine = CTranslate2Engine(tmp_path / str(number), inter_threads=1, intra_threads=1)
        texts = SENTENCES if model is parent else list(parents.TEXT)
        assert engine.source.encode_batch(texts) == model.source.encode_batch(texts)
        for options in (GREEDY, BEAM):
            by_torch, by_ctranslate2 = (
                ids_of(model.target, each.translate(texts, options)) for each in (TorchEngine(model), engine)
            )
            assert by_torch == by_ctranslate2


@pytest.mark.parametrize("case", ["m2m100", "nllb", "mbart", "marian-of-many", "t5"], indirect=True)
def test_no_translation_is_empty_or_shows_what_is_no_text(case, tmp_path):
    """Although the end of sentence, and codes of languages or sentinels, are always the likeliest."""
    parent = Parent.load(case.folder, **case.layout.languages)
    model, target = parent.model, parent.target
    codes = sorted(target.control - {*target.frame.before, model.config.decoder_start_token_id})
    assert codes
    shift = torch.zeros(model.get_output_embeddings().out_features)
    shift[codes], shift[target.special.eos] = 200.0, 100.0
    model.get_output_embeddings().bias = torch.nn.Parameter(shift)
    texts = list(dict.fromkeys(SENTENCES))
    for options in (GREEDY, BEAM):
        found = [best for (best,) in TorchEngine(parent).translate(texts, options)]
        assert all(len(best.pieces) == 1 for best in found)
    shown = target.decode([*codes, *target.encode("le chat"), *codes])
    assert shown == target.decode(target.encode("le chat"))
    for side in (target.framed(target.frame), target.restricted(range(len(target)))[0]):
        assert side.control == target.control


def test_attention_is_read(case):
    parent = case.parent
    (found,) = attend(parent, parent.anatomy, [(TEXTS[0], TEXTS[1])])
    assert len(found.source) == len(parent.source.encode(TEXTS[0]))
    assert found.weights.shape[2:] == (len(parent.target.encode(TEXTS[1])), len(found.source))


def test_trimming_changes_nothing_on_what_is_kept(case):
    parent = case.parent
    if not parent.source.has_pieces_of(parent.target):
        with pytest.raises(ParentError, match="has two vocabularies"):
            trim_parent(parent, SENTENCES)
        return
    trimmed = trim_parent(parent, SENTENCES)
    assert len(trimmed.source) == len(trimmed.target) < len(parent.source)
    rows = {piece: row for row, piece in enumerate(parent.source.pieces)}
    kept = [rows[piece] for piece in trimmed.source.pieces]
    for text in SENTENCES:
        assert [kept[index] for index in trimmed.source.encode(text)] == parent.source.encode(text)
        assert trimmed.target.decode(trimmed.target.encode(text)) == parent.target.decode(
            parent.target.encode(text)
        )
    facts, old = Generation.of(trimmed), Generation.of(parent)
    assert kept[facts.start] == old.start
    assert (facts.forced_first and kept[facts.forced_first]) == old.forced_first


def test_whole_words_are_known_where_pieces_mark_their_start(case):
    parent = case.parent
    words = {"▁" + word for word in embeddings(parent, "source", "parent").whole_words.values()}
    if case.name == "blenderbot-small":  # it marks where words go on
        assert not words
        return
    assert "▁la" in words or "▁l" in words
    assert not words & {parent.source.marked_pieces[row] for row in parent.source.silent}


def test_it_is_saved_in_its_own_layout(case, tmp_path):
    parent = Parent.load(case.folder, **case.layout.languages)
    parent.save(tmp_path / "saved")
    again = Parent.load(tmp_path / "saved")
    assert fingerprints(again) == fingerprints(parent)
    assert (again.source_language, again.target_language) == (parent.source_language, parent.target_language)
    assert ids_of(again.target, TorchEngine(again).translate(TEXTS[:3], GREEDY)) == ids_of(
        parent.target, TorchEngine(parent).translate(TEXTS[:3], GREEDY)
    )


class TestFaults:
    @pytest.fixture
    def nllb(self, load_case):
        return load_case("nllb").folder

    def test_languages_must_be_given(self, nllb):
        with pytest.raises(
            ParentError, match=r"does not say which languages.*the model knows ace_Arab, .*fra_Latn"
        ):
            Parent.load(nllb)

    def test_a_language_by_another_of_its_names_and_one_that_it_lacks(self, nllb):
        parent = Parent.load(nllb, source_language="zh-Hant", target_language="en")
        assert parent.source.pieces[parent.source.encode("ein Text")[0]] == "zho_Hant"
        with pytest.raises(
            ParentError, match="several codes for 'zh'; give one of its own: zho_Hans, zho_Hant"
        ):
            Parent.load(nllb, source_language="zh", target_language="en")

    @pytest.mark.parametrize(
        ("name", "file", "content", "message"),
        [
            # What transformers makes of NLLB's SentencePiece model alone.
            (
                "nllb", "tokenizer_config.json", '{"tokenizer_class": "NllbTokenizer"}',
                "none of the codes of languages that its family has",
            ),
            ("bart", "vocab.json", "{", "cannot read the vocabularies of"),
        ],
    )  # fmt: skip
    def test_a_tokenizer_that_lost_part_of_its_files(self, tmp_path, name, file, content, message):
        hub_folders.write(name, tmp_path / name)
        (tmp_path / name / file).write_text(content)
        with pytest.raises(ParentError, match=message):
            Parent.load(tmp_path / name, source_language="fr", target_language="en")

    def test_a_task_that_it_was_not_trained_on(self, load_case):
        with pytest.raises(
            ParentError, match="translates en to de, fr to en, not fr to de; name one of these"
        ):
            Parent.load(load_case("t5").folder, source_language="fr", target_language="de")

    def test_a_package_that_is_missing(self, tmp_path, monkeypatch):
        with hub_folders.plain_sacremoses():
            hub_folders.write("fsmt", tmp_path / "fsmt")
        monkeypatch.setitem(sys.modules, "sacremoses", None)
        with pytest.raises(ParentError, match=r"cannot read the vocabularies of .*install sacremoses"):
            Parent.load(tmp_path / "fsmt")

    def test_sentinels_beyond_the_table_are_left_out(self, tmp_path):
        """mT5's tables have no rows for the hundred pieces that its tokenizer adds unless told not to."""
        hub_folders.write("mt5", tmp_path / "mt5")
        (tmp_path / "mt5" / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer"}')
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "mt5")
        parent = Parent.load(tmp_path / "mt5", source_language="fr", target_language="en")
        assert len(tokenizer) == 250 and len(parent.source) == len(parent.target) == 150
        for text in TEXTS:
            assert parent.source.encode(text) == tokenizer(text)["input_ids"]

    def test_a_tokenizer_of_another_model(self, tmp_path):
        hub_folders.write("bart", tmp_path / "bart")
        hub_folders.write("t5", tmp_path / "t5")
        for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
            shutil.copyfile(tmp_path / "bart" / name, tmp_path / "t5" / name)
        config = json.loads((tmp_path / "t5" / "config.json").read_text())
        config["task_specific_params"] = None
        (tmp_path / "t5" / "config.json").write_text(json.dumps(config))
        with pytest.raises(
            ParentError, match="source vocabulary has 340 pieces, its embedding table only 256 rows"
        ):
            Parent.load(tmp_path / "t5", source_language="fr", target_language="en")

    def test_a_trimmed_vocabulary_is_saved_in_files_of_our_own(self, nllb, tmp_path):
        parent = Parent.load(nllb, source_language="fr", target_language="en")
        trimmed = trim_parent(parent, SENTENCES)
        assert len(trimmed.source) < len(parent.source)
        found = TorchEngine(trimmed).translate(SENTENCES, GREEDY)
        assert all(piece in parent.target.pieces for (best,) in found for piece in best.pieces)
        trimmed.save(tmp_path / "trimmed")
        again = Parent.load(tmp_path / "trimmed")
        assert fingerprints(again) == fingerprints(trimmed)
        assert TorchEngine(again).translate(SENTENCES, GREEDY) == found
        with pytest.raises(ParentError, match=r"saved for fr-en .* cannot be opened for de"):
            Parent.load(tmp_path / "trimmed", source_language="fr", target_language="de")


class TestStored:
    def test_a_parent_of_many_languages_by_its_folder(self, load_case):
        """As ``crosslate translate --parent NAME --parent-langs fr-en`` does; each pair has its own model."""
        folder = load_case("nllb").folder
        english = StoredModel(parent=folder, languages=("fr", "en"))
        german = StoredModel(parent=folder, languages=("fr", "de"))
        assert (english.source_language, english.target_language) == ("fr", "en")
        assert english.key() != german.key()
        assert english.load().target.frame != german.load().target.frame
        with pytest.raises(ParentError, match="does not say which languages"):
            StoredModel(parent=folder)

    def test_packs_name_the_languages(self, tmp_path):
        with pytest.raises(UsageError, match="beside packs, which name them"):
            StoredModel([tmp_path / "pack"], languages=("fr", "en"))
