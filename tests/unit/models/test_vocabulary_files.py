"""What a parent's folder says of its languages and text: codes of targets, names, normalisers, odd tokenizers."""

import json
import shutil

import pytest
import sentencepiece
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import families
import hub_folders
import parents
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import LanguagesNotNamed, ParentError
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.trimming import trim_to_languages
from crosslate.models.vocabularies.vocabulary_files import open_tokenizer
from crosslate.packs.compose import pack_child
from crosslate.packs.stored_model import StoredModel


def load(folder, source=None, target=None):
    return Parent.load(folder, source_language=source, target_language=target)


def edit(path, **changes):
    described = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(described | changes), encoding="utf-8")


@pytest.fixture(scope="module")
def of_many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian") / "many"
    hub_folders.write("marian-of-many", folder)
    return folder


@pytest.fixture
def opus(of_many, tmp_path):
    """Makes OPUS-MT folders: their three target codes, and the languages that the tokenizer names."""

    def make(codes, source="fr", target="en"):
        folder = tmp_path / "opus"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(of_many, folder)
        text = (folder / "vocab.json").read_text(encoding="utf-8")
        for old, new in zip((">>fra<<", ">>eng<<", ">>spa<<"), codes):
            text = text.replace(old, new)
        (folder / "vocab.json").write_text(text, encoding="utf-8")
        edit(folder / "tokenizer_config.json", source_lang=source, target_lang=target)
        return folder

    return make


def code_of(parent):
    """The pieces before a source sentence."""
    return [parent.source.pieces[index] for index in parent.source.frame.before]


ROMANCE = (">>fra<<", ">>ron<<", ">>spa<<")
CHINESE = (">>cmn<<", ">>cmn_Hans<<", ">>cmn_Hant<<")
PORTUGUESE = (">>por<<", ">>pob<<", ">>glg<<")


class TestTargetsOfMarian:
    @pytest.mark.parametrize("group", ["roa", "gmq", "mul", "sla", "zle", "ROMANCE", "itc"])
    def test_a_group_is_no_language(self, opus, group):
        folder = opus(ROMANCE, target=group)
        for attempt in (load, lambda folder: StoredModel(parent=folder)):
            with pytest.raises(LanguagesNotNamed, match="does not say which languages it translates"):
                attempt(folder)
        with pytest.raises(LanguagesNotNamed, match=r"\(the model knows fra, ron, spa\)"):
            load(folder)
        with pytest.raises(ParentError, match=f"no code for '{group}'; give one of its own: fra, ron, spa"):
            load(folder, "fr", group)
        assert code_of(load(folder, "fr", "ro")) == [">>ron<<"]

    def test_a_list_of_languages_is_no_language(self, opus):
        with pytest.raises(LanguagesNotNamed):
            load(opus(ROMANCE, target="fra_ron_spa"))

    def test_a_group_as_source_is_named_too(self, opus):
        folder = opus((), source="roa")
        with pytest.raises(LanguagesNotNamed):
            load(folder)
        assert load(folder, "it", "en").source_language == "it"

    @pytest.mark.parametrize("language", ["zh", "zho"])
    def test_a_script_is_never_guessed(self, opus, language):
        folder = opus(CHINESE, target=language)
        message = f"several codes for '{language}'; give one of its own: cmn, cmn_Hans, cmn_Hant"
        for given in (None, language):
            with pytest.raises(ParentError, match=message):
                load(folder, target=given)

    @pytest.mark.parametrize(
        ("codes", "language", "code"),
        [
            (CHINESE, "zh-Hans", ">>cmn_Hans<<"), (CHINESE, "zh-TW", ">>cmn_Hant<<"), (CHINESE, "cmn", ">>cmn<<"),
            (CHINESE, "zh_CN", ">>cmn_Hans<<"), (PORTUGUESE, "pt", ">>por<<"), (PORTUGUESE, "pt-BR", ">>pob<<"),
            (PORTUGUESE, "pt-PT", ">>por<<"), (PORTUGUESE, "pob", ">>pob<<"), (PORTUGUESE, "gl", ">>glg<<"),
        ],
    )  # fmt: skip
    def test_the_code_of_a_language_with_its_script_or_region(self, opus, codes, language, code):
        assert code_of(load(opus(codes, target="mul"), "fr", language)) == [code]

    def test_the_language_that_the_files_name_has_its_code(self, opus):
        assert code_of(load(opus(PORTUGUESE, target="pt"))) == [">>por<<"]

    def test_a_language_of_several_codes_under_other_names(self, opus):
        """Serbo-Croatian is written as one of its members."""
        folder = opus((">>hrv<<", ">>srp_Cyrl<<", ">>srp_Latn<<"), target="sh")
        with pytest.raises(
            ParentError, match="no code for 'sh'; give one of its own: hrv, srp_Cyrl, srp_Latn"
        ):
            load(folder)
        with pytest.raises(ParentError, match="several codes for 'sr'"):
            load(folder, "fr", "sr")
        assert code_of(load(folder, "fr", "sr-Latn")) == [">>srp_Latn<<"]

    def test_codes_left_over_in_a_model_of_one_pair(self, opus):
        folder = opus(ROMANCE, target="en")
        assert code_of(load(folder)) == code_of(load(folder, "fr", "eng")) == []


class TestContradictions:
    @pytest.mark.parametrize("pair", [("de", "ja"), ("en", "fr"), ("fr", "ja"), ("de", "en"), ("de", None)])
    def test_a_model_of_one_pair(self, tmp_path, pair):
        hub_folders.write("marian", tmp_path / "marian")
        with pytest.raises(ParentError, match="translates fr to en, as its files say, not"):
            load(tmp_path / "marian", *pair)

    def test_the_source_of_a_model_of_many_targets(self, opus):
        with pytest.raises(ParentError, match="translates fr to pt, as its files say, not de to pt-BR"):
            load(opus(PORTUGUESE, target="pt"), "de", "pt-BR")

    def test_another_script(self, tmp_path):
        hub_folders.write("marian", tmp_path / "marian")
        edit(tmp_path / "marian" / "tokenizer_config.json", target_lang="zh-Hant")
        with pytest.raises(ParentError, match="translates fr to zh-Hant, as its files say, not fr to zh-CN"):
            load(tmp_path / "marian", "fr", "zh-CN")
        assert load(tmp_path / "marian", "fr", "zh-TW").target_language == "zh-TW"

    def test_the_languages_of_fsmt(self, tmp_path):
        with hub_folders.plain_sacremoses():
            hub_folders.write("fsmt", tmp_path / "fsmt")
            with pytest.raises(ParentError, match="translates fr to en, as its files say"):
                load(tmp_path / "fsmt", "ru", "en")
            assert load(tmp_path / "fsmt", "fr", "en").target_language == "en"

    @pytest.mark.parametrize(
        ("family", "language"),
        [("mbart", "zh-TW"), ("mbart", "zh-Hant"), ("nllb", "ar-Latn"), ("nllb", "de-Cyrl")],
    )
    def test_a_script_that_the_code_does_not_have(self, tmp_path, family, language):
        hub_folders.write(family, tmp_path / family)
        with pytest.raises(ParentError, match=f"no code for '{language}'"):
            load(tmp_path / family, "en", language)


T5_IDS = {"pad_id": 1, "eos_id": 2, "unk_id": 0, "bos_id": -1, "pad_piece": "<pad>"}
T5_CONFIG = {
    "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
}  # fmt: skip


@pytest.fixture(scope="module")
def madlad(tmp_path_factory):
    """A T5 whose SentencePiece model has codes of target languages."""
    folder = tmp_path_factory.mktemp("t5") / "madlad"
    folder.mkdir()
    codes = ["<2en>", "<2fr>", "<2zh>", "<2zh_Latn>", "<2iw>", "<2translate>"]
    model = parents.sentencepiece_model(
        hub_folders.lines(), 170, "unigram", user_defined_symbols=codes, **T5_IDS
    )
    (folder / "spiece.model").write_bytes(model)
    edit(folder / "tokenizer_config.json", **T5_CONFIG)
    ids = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0}
    families.build("t5-v1.1", seed=3, vocab_size=176, **ids).save_pretrained(folder)
    return folder


class TestMadlad:
    def test_the_code_stands_before_the_text(self, madlad):
        tokenizer = transformers.AutoTokenizer.from_pretrained(madlad)
        codes = {"en": "en", "fra": "fr", "zh": "zh", "zh-Latn": "zh_Latn", "he": "iw"}
        for language, code in codes.items():
            parent = load(madlad, "de", language)
            for text in ("le chat dort", "une femme… voit", "le chat"):
                assert parent.source.encode(text) == tokenizer(f"<2{code}> {text}")["input_ids"]
                assert parent.target.encode(text) == tokenizer(text)["input_ids"]

    def test_an_unknown_character_is_unknown(self, madlad):
        """Transformers takes it for the end of the sentence."""
        source = load(madlad, "fr", "en").source
        assert source.encode_batch(["chat 猫"]) == [source.encode("chat 猫")]
        assert (
            source.encode("chat 猫").count(source.special.unk)
            == 1
            == source.encode("chat 猫").count(source.special.eos)
        )

    def test_text_that_spells_a_code_is_text(self, madlad):
        source = load(madlad, "fr", "en").source
        (code,) = source.frame.before
        others = source.control - {code, source.special.eos}
        assert source.encode("le <2fr> chat <2en>").count(code) == 1
        assert not others & set(source.encode("le <2fr> chat <2en>"))

    def test_a_target_must_be_named(self, madlad):
        with pytest.raises(LanguagesNotNamed, match=r"the model knows en, fr, iw, zh, zh_Latn\)"):
            load(madlad)
        with pytest.raises(ParentError, match="no code for 'de'"):
            load(madlad, "en", "de")

    def test_a_trimmed_one_keeps_its_codes(self, madlad):
        trimmed = trim_to_languages(load(madlad, "fr", "en"), ["le chat dort", "the cat sleeps"] * 3)
        assert len(trimmed.source) < 170
        assert {"<2en>", "<2zh_Latn>"} <= set(trimmed.source.pieces) and code_of(trimmed) == ["<2en>"]

    def test_t5_itself_has_no_codes(self, tmp_path):
        hub_folders.write("t5", tmp_path / "t5")
        assert load(tmp_path / "t5", "fr", "en").source.frame.before == ()


class TestNormaliser:
    TEXTS = ("le chat… dort", "ﬁn", "un， deux", "e\u0301te\u0301", "le  chat", "①")

    def test_mbart_has_its_sentencepiece_models(self, tmp_path):
        hub_folders.write("mbart", tmp_path / "mbart")
        parent = load(tmp_path / "mbart", "fr", "en")
        model = sentencepiece.SentencePieceProcessor()
        model.LoadFromSerializedProto((tmp_path / "mbart" / "sentencepiece.bpe.model").read_bytes())
        for text in self.TEXTS:
            for side in (parent.source, parent.target):
                known = set(side.pieces)
                expected = [
                    piece if piece in known else "<unk>" for piece in model.encode(text, out_type=str)
                ]
                assert side.encode_pieces(text) == expected

    def test_that_of_tokenizer_json_counts(self, tmp_path):
        """As transformers 4 did, which opened the file itself."""
        hub_folders.write("mbart", tmp_path / "mbart")
        backend = transformers.AutoTokenizer.from_pretrained(tmp_path / "mbart").backend_tokenizer
        backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        backend.save(str(tmp_path / "mbart" / "tokenizer.json"))
        parent = load(tmp_path / "mbart", "fr", "en")
        assert parent.source.encode_pieces("LE CHAT") == parent.source.encode_pieces("le chat")

    @pytest.mark.parametrize("family", ["bart", "t5", "nllb", "pegasus", "mbart-50"])
    def test_others_keep_theirs(self, tmp_path, family):
        hub_folders.write(family, tmp_path / family)
        parent = load(tmp_path / family, "fr", "en")
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / family)
        for text in self.TEXTS:
            bare = tokenizer(text, add_special_tokens=False)["input_ids"]
            before, after = len(parent.source.frame.before), len(parent.source.frame.after)
            assert hub_ids(parent, text)[before:][:-after] == bare


def hub_ids(parent, text):
    """Ids as the hub's tokenizer gives them: without the prefix of a task."""
    source = parent.source
    framed = source.framed(type(source.frame)(source.frame.before, source.frame.after))
    return framed.encode(text)


class TestTokenizersWithoutAClass:
    """Byte-pair encoding under a class of transformers that expects unigram pieces (BARThez, EnviT5)."""

    def folder(self, tmp_path, tokenizer_class, family):
        folder = tmp_path / tokenizer_class
        folder.mkdir()
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        special = ["<pad>", "</s>", "<unk>", "<s>"]
        trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=special, show_progress=False)
        tokenizer.train_from_iterator(hub_folders.lines(), trainer)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 3), ("</s>", 1)]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
        edit(folder / "tokenizer_config.json", **{**T5_CONFIG, "tokenizer_class": tokenizer_class})
        ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 1}
        families.build(family, seed=3, vocab_size=tokenizer.get_vocab_size(), **ids).save_pretrained(folder)
        return folder, tokenizer

    @pytest.mark.parametrize(("name", "family"), [("T5Tokenizer", "t5"), ("BarthezTokenizer", "mbart")])
    def test_tokenizer_json_is_enough(self, tmp_path, name, family):
        folder, tokenizer = self.folder(tmp_path, name, family)
        with pytest.raises(TypeError, match="Sequence"):
            transformers.AutoTokenizer.from_pretrained(folder)
        parent = load(folder, "fr", "en")
        for text in ("le chat dort", "une ﬁn…"):
            assert parent.source.encode(text) == tokenizer.encode(text).ids
        assert parent.target.decode(parent.target.encode("le chat dort")) == "le chat dort"
        ((best,),) = TorchEngine(parent).translate(
            ["le chat"], DecodingOptions(beam_size=1, max_new_tokens=5)
        )
        assert isinstance(best.text, str)

    def test_merged_checkpoints_hold_a_tokenizer_that_transformers_opens(self, tmp_path):
        folder, tokenizer = self.folder(tmp_path, "T5Tokenizer", "t5")
        open_tokenizer(folder).save_pretrained(tmp_path / "written")
        (tmp_path / "written" / "config.json").write_text('{"model_type": "t5"}')
        opened = transformers.AutoTokenizer.from_pretrained(tmp_path / "written")
        assert opened("une ﬁn…")["input_ids"] == tokenizer.encode("une ﬁn…").ids

    def test_not_where_the_class_places_the_codes(self, tmp_path):
        folder, _ = self.folder(tmp_path, "MBartTokenizer", "mbart")
        with pytest.raises(ParentError, match=r"cannot read the vocabularies of .*Sequence"):
            load(folder, "fr", "en")


class TestTokenizersThatAreRefused:
    def test_bytes(self, tmp_path):
        families.build("t5", vocab_size=384, pad_token_id=0, eos_token_id=1).save_pretrained(
            tmp_path / "byt5"
        )
        edit(tmp_path / "byt5" / "tokenizer_config.json", **{**T5_CONFIG, "tokenizer_class": "ByT5Tokenizer"})
        with pytest.raises(
            ParentError, match=r"\(ByT5Tokenizer\) cuts text into bytes .*; use a model of subwords"
        ):
            load(tmp_path / "byt5", "en", "fr")

    def test_code_that_comes_with_the_model(self, tmp_path):
        hub_folders.write("m2m100", tmp_path / "small100")
        edit(tmp_path / "small100" / "tokenizer_config.json", tokenizer_class="SMALL100Tokenizer")
        with pytest.raises(
            ParentError, match=r"SMALL100Tokenizer, is no class of transformers .* never run; use"
        ):
            load(tmp_path / "small100", "en", "fr")

    def test_a_missing_tokenizer_json_can_be_made(self, tmp_path):
        folder = tmp_path / "umt5"
        hub_folders.write("umt5", folder)
        expected = load(folder, "fr", "en").source.encode("le chat… dort")
        (folder / "tokenizer.json").unlink()
        with pytest.raises(ParentError, match=r"write it once: transformers\.T5Tokenizer\.from_pretrained"):
            load(folder, "fr", "en")
        transformers.T5Tokenizer.from_pretrained(folder).save_pretrained(folder)
        assert load(folder, "fr", "en").source.encode("le chat… dort") == expected


class TestSmallTables:
    def test_a_code_beyond_the_table(self, tmp_path):
        folder = tmp_path / "mbart"
        hub_folders.write("mbart", folder)
        rows = load(folder, "fr", "en").source.pieces.index("ro_RO")
        cut = families.build("mbart", seed=3, vocab_size=rows, **hub_folders.FAIRSEQ_IDS)
        cut.save_pretrained(folder)
        assert len(load(folder, "fr", "en").source) == rows
        for pair, side in ((("en", "zh"), "target"), (("zh", "en"), "source")):
            message = (
                f"the {side} vocabulary has [0-9]+ pieces, its embedding table only {rows} rows, .*'zh_CN'"
            )
            with pytest.raises(ParentError, match=message):
                load(folder, *pair)


class TestPrefix:
    """T5 fine-tuned on a pair that its configuration, still that of T5, does not list."""

    WELSH = "translate English to Welsh: "

    @pytest.fixture
    def folder(self, tmp_path):
        hub_folders.write("t5", tmp_path / "t5")
        return tmp_path / "t5"

    def test_it_stands_before_the_text(self, folder):
        with pytest.raises(ParentError, match=r"translates .*fr to en.*, not en to cy; .*give the prefix"):
            load(folder, "en", "cy")
        parent = Parent.load(folder, source_language="en", target_language="cy", prefix=self.WELSH)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        assert parent.source.encode("le chat") == tokenizer(f"{self.WELSH}le chat")["input_ids"]

    def test_saved_parents_and_packs_keep_it(self, folder, tmp_path):
        parent = Parent.load(folder, source_language="en", target_language="cy", prefix=self.WELSH)
        parent.save(tmp_path / "saved")
        assert load(tmp_path / "saved").source.frame.text == self.WELSH
        pack_child(hub_folders.shaken_child(parent, "target")).save(tmp_path / "pack")
        assert StoredModel([tmp_path / "pack"]).load().source.frame.text == self.WELSH

    def test_trimmed_parents_keep_it(self, folder):
        parent = Parent.load(folder, source_language="en", target_language="cy", prefix=self.WELSH)
        trimmed = trim_to_languages(parent, ["le chat dort"] * 3)
        pieces = [trimmed.source.pieces[index] for index in trimmed.source.encode("le chat dort")]
        assert pieces == [parent.source.pieces[index] for index in parent.source.encode("le chat dort")]
        assert trimmed.prefix == self.WELSH

    def test_marian_has_none(self, of_many):
        with pytest.raises(ParentError, match="is a Marian model, which takes no prefix"):
            Parent.load(of_many, source_language="fr", target_language="en", prefix="x: ")


class TestSeamless:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("seamless") / "m4t"
        folder.mkdir()
        (folder / "sentencepiece.bpe.model").write_bytes(hub_folders.sentencepiece_model(150, "bpe"))
        codes = {"additional_special_tokens": ["__eng__", "__fra__", "__deu__"]}
        edit(folder / "tokenizer_config.json", tokenizer_class="SeamlessM4TTokenizer", **codes)
        edit(folder / "config.json", model_type="seamless_m4t")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        tokenizer.save_pretrained(folder)
        ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3}
        families.build("seamless-m4t", seed=3, vocab_size=len(tokenizer), **ids).save_pretrained(folder)
        return folder

    def test_sentences_stand_in_the_frames_of_its_tokenizer(self, folder):
        parent = load(folder, "de", "en")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, src_lang="deu", tgt_lang="eng")
        assert parent.source.encode("le chat") == tokenizer("le chat")["input_ids"]
        # The decoder starts with the end of sentence, which the tokenizer writes before labels.
        assert [3, *parent.target.encode("le chat")] == tokenizer(text_target="le chat")["input_ids"]
        assert parent.model.generation_config.forced_bos_token_id == parent.target.pieces.index("__eng__")

    def test_a_child_translates(self, folder):
        child = hub_folders.shaken_child(load(folder, "fr", "en"), "source")
        found = [
            best for (best,) in TorchEngine(child).translate(["der Hund", "ein Vogel"], DecodingOptions())
        ]
        assert all(best.text and "__" not in best.text for best in found)


class TestAddedPieces:
    def test_of_marian_are_refused(self, tmp_path):
        """Transformers cuts text at them; no SentencePiece model has them."""
        hub_folders.write("marian", tmp_path / "marian")
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "marian")
        tokenizer.save_pretrained(tmp_path / "marian")
        load(tmp_path / "marian", "fr", "en")
        tokenizer.add_tokens(["<kab>"])
        tokenizer.save_pretrained(tmp_path / "marian")
        with pytest.raises(ParentError, match=r"has 1 pieces beside vocab.json, the first '<kab>'"):
            load(tmp_path / "marian", "fr", "en")

    def test_sentinels_stay_silent(self, tmp_path):
        """A later list of special pieces replaces that of the sentinels."""
        hub_folders.write("t5", tmp_path / "t5")
        before = load(tmp_path / "t5", "fr", "en").target.control
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "t5")
        tokenizer.add_special_tokens({"additional_special_tokens": ["<extra_id_0>"]})
        tokenizer.save_pretrained(tmp_path / "t5")
        assert load(tmp_path / "t5", "fr", "en").target.control == before and len(before) >= 100


def test_a_tokenizer_in_python_that_lists_its_pieces(tmp_path):
    """ProphetNet's has them under another name than most."""
    words = sorted({word for line in hub_folders.lines() for word in line.lower().split()})[:90]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[X_SEP]", *words, "##s", "##e"]
    (tmp_path / "prophetnet.tokenizer").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    edit(tmp_path / "tokenizer_config.json", tokenizer_class="ProphetNetTokenizer")
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 2}
    families.build("prophetnet", seed=3, vocab_size=len(pieces), **ids).save_pretrained(tmp_path)
    parent = load(tmp_path, "fr", "en")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = f"{words[20]}s {words[40]} [SEP"
    assert parent.source.encode(text) == tokenizer(text)["input_ids"]
    assert (
        parent.target.decode(parent.target.encode(f"{words[20]} {words[40]}")) == f"{words[20]} {words[40]}"
    )
    assert "[" not in TorchEngine(parent).translate([text], DecodingOptions())[0][0].text


def test_languages_that_have_no_code_are_named_as_they_are_given(tmp_path):
    hub_folders.write("plbart", tmp_path / "plbart")
    with pytest.raises(LanguagesNotNamed, match=r"the model knows art_java, .*art_python, .*en_XX"):
        load(tmp_path / "plbart")
    assert load(tmp_path / "plbart", "art_java", "en_XX").source_language == "art-java"


def test_a_pair_of_berts_whose_configuration_names_no_end(tmp_path):
    words = sorted({word for line in hub_folders.lines() for word in line.lower().split()})[:30]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    edit(tmp_path / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    model = families.build("bert2bert")
    model.config.eos_token_id = None
    model.save_pretrained(tmp_path)
    target = load(tmp_path, "fr", "en").target
    assert target.pieces[target.special.eos] == "[SEP]" and target.encode(words[0])[-1] == target.special.eos


@pytest.mark.parametrize("family", ["nllb", "mbart", "mbart-50"])
def test_codes_without_their_familys_class_are_refused(tmp_path, family):
    """Translations would begin with no code at all."""
    hub_folders.write(family, tmp_path / "it")
    transformers.AutoTokenizer.from_pretrained(tmp_path / "it").save_pretrained(tmp_path / "it")
    for name in ("sentencepiece.bpe.model", "spiece.model"):
        (tmp_path / "it" / name).unlink(missing_ok=True)
    edit(tmp_path / "it" / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", src_lang="fr")
    with pytest.raises(ParentError, match=r"has codes of languages .*write that as tokenizer_class into"):
        load(tmp_path / "it", "fr", "en")


@pytest.mark.parametrize(
    ("family", "lost"), [("bart", ["vocab.json", "merges.txt"]), ("t5", ["spiece.model"])]
)
def test_a_tokenizer_without_its_pieces_is_refused(tmp_path, family, lost):
    """Transformers makes one of special pieces alone, and every text would be unknown."""
    hub_folders.write(family, tmp_path / "it")
    for name in lost:
        (tmp_path / "it" / name).unlink()
    edit(tmp_path / "it" / "tokenizer_config.json", extra_ids=0)
    with pytest.raises(ParentError, match=r"has no pieces but special ones|cannot read the vocabularies"):
        load(tmp_path / "it", "fr", "en")


def test_a_tokenizer_in_python_beside_a_table_with_spare_rows(tmp_path):
    """BARTpho's knows a SentencePiece model's pieces that its own list has, and fails for rows beyond them."""
    model = hub_folders.sentencepiece_model(150, "bpe")
    (tmp_path / "sentencepiece.bpe.model").write_bytes(model)
    listed = "".join(f"{piece} 1\n" for piece in hub_folders.pieces_of(model)[3:140])
    (tmp_path / "dict.txt").write_text(listed, encoding="utf-8")
    edit(tmp_path / "tokenizer_config.json", tokenizer_class="BartphoTokenizer")
    ids = hub_folders.FAIRSEQ_IDS | {"decoder_start_token_id": 2}
    families.build("mbart", seed=3, vocab_size=160, **ids).save_pretrained(tmp_path)
    parent = load(tmp_path, "vi", "en")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in hub_folders.lines()[:3]:
        assert parent.source.encode(text) == tokenizer(text)["input_ids"]
