"""Parents: created, saved, loaded; layouts of the hub; everything wrong with a folder in one readable message."""

import json
import os
import shutil
from copy import deepcopy

import pytest
import torch
import transformers

import fairseq_checkpoints as fairseq
import parents
from crosslate.errors import InputError, ParentError, UsageError
from crosslate.models.parent import RECORD, Parent
from crosslate.models.sizes import Size, parse_size
from crosslate.text.vocabularies import SpecialIds

SPECIAL = SpecialIds(eos=0, unk=1, pad=2)
TINY = Size(layers=2, width=16, heads=2, feed_forward=24)


def created(**options):
    source, target = parents.vocabulary(41, SPECIAL), parents.vocabulary(44, SPECIAL)
    return Parent.create(source, target, "fr", "en", TINY, **options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parents") / "fr-en"
    created().save(folder, {"scores": {"BLEU": 1.5}})
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    """A saved parent to damage."""
    shutil.copytree(saved, tmp_path / "parent")
    return tmp_path / "parent"


class TestSize:
    def test_names_and_numbers(self):
        assert parse_size("base") == Size(layers=6, width=512, heads=8, feed_forward=2048)
        assert parse_size("3,256,4,1024") == parse_size("small") == Size(3, 256, 4, 1024)
        assert parse_size("base-paper") == Size(6, 512, 8, 2048, "paper") == parse_size("6,512,8,2048-paper")

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (
                ["bas", "3,256,4", "3,256,4,1024,5", "a,b,c,d", ""],
                "unknown model size .*layers,width,heads,feed_forward like 3,256,4",
            ),
            (["3,255,4,1024", "0,256,4,1024", "3,-4,4,1024"], "must be positive and heads must divide width"),
        ],
    )
    def test_others_are_refused(self, texts, message):
        for text in texts:
            with pytest.raises(UsageError, match=message):
                parse_size(text)


class TestCreate:
    def test_two_vocabularies(self):
        parent = created()
        assert parent.model.model.encoder.embed_tokens.weight.shape == (41, 16)
        assert parent.model.lm_head.weight is parent.model.model.decoder.embed_tokens.weight
        assert parent.model.lm_head.weight.shape == (44, 16)
        assert parent.model.config.pad_token_id == parent.model.config.decoder_start_token_id == 2
        assert parent.model.generation_config.eos_token_id == 0
        assert not parent.model.training and not any(p.requires_grad for p in parent.model.parameters())

    def test_the_seed_decides_and_the_random_state_stays(self):
        torch.manual_seed(7)
        before = torch.random.get_rng_state()
        assert created(seed=3).fingerprint() == created(seed=3).fingerprint() != created(seed=4).fingerprint()
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_different_special_ids_are_refused(self):
        other = parents.vocabulary(44, SpecialIds(eos=0, unk=1, pad=3))
        with pytest.raises(ParentError, match=r"different special ids, .*pad=2.* and .*pad=3"):
            Parent.create(parents.vocabulary(41, SPECIAL), other, "fr", "en", TINY)


class TestThePapersArchitecture:
    SIZE = Size(fairseq.LAYERS, fairseq.WIDTH, fairseq.HEADS, fairseq.FEED_FORWARD, "paper")

    @pytest.fixture(scope="class")
    def parent(self):
        sides = (parents.vocabulary(size, SpecialIds(eos=2, unk=3, pad=1, bos=0)) for size in (41, 44))
        return Parent.create(*sides, "fr", "en", self.SIZE)

    def test_it_computes_what_fairseq_does(self, parent):
        """Pre-norm, learned positions, norms on unscaled embeddings, output tied to the decoder's input."""
        model = deepcopy(parent.model).double()
        with torch.no_grad():
            for tensor in model.parameters():
                if tensor.dim() == 1:  # norms and biases start from one value
                    tensor += 0.3 * torch.randn_like(tensor)
        tensors = {name.removeprefix("model."): tensor for name, tensor in model.state_dict().items()}
        source, previous = torch.tensor([[5, 9, 2], [7, 2, 1]]), torch.tensor([[2, 6], [2, 40]])
        found = model(
            input_ids=source, attention_mask=(source != 1).long(), decoder_input_ids=previous, use_cache=False
        ).logits
        wanted = fairseq.logits(
            tensors | {"decoder.output_projection.weight": tensors["lm_head.weight"]}, source, previous
        )
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)

    def test_its_tables(self, parent):
        model = parent.model.model
        assert model.encoder.embed_tokens.weight.shape == (41, 16)
        assert parent.model.lm_head.weight is model.decoder.embed_tokens.weight
        assert model.decoder.embed_tokens.weight.shape == (44, 16)
        assert parent.max_tokens == 1024
        assert set(parent.anatomy.counts(parent.model)) == {"src", "tgt", "enc", "dec", "xattn"}
        assert not model.encoder.embed_tokens.weight[1].any()
        assert 0.2 < float(model.encoder.embed_tokens.weight.std()) < 0.3  # 16^-0.5

    def test_it_comes_back(self, parent, tmp_path):
        before = parent.fingerprint()
        parent.save(tmp_path / "parent")
        again = Parent.load(tmp_path / "parent")
        assert again.fingerprint() == before
        assert (again.source, again.target) == (parent.source, parent.target)

    def test_one_table_for_both_sides(self):
        shared = parents.vocabulary(41, SPECIAL)
        tied = Parent.create(shared, shared, "mul", "mul", self.SIZE, is_tied=True).model
        assert (
            tied.model.encoder.embed_tokens.weight
            is tied.model.decoder.embed_tokens.weight
            is tied.lm_head.weight
        )


class TestRoundTrip:
    def test_the_same_parent_comes_back(self, saved):
        parent, again = created(), Parent.load(saved)
        assert again.fingerprint() == parent.fingerprint()
        assert (again.source_language, again.target_language) == ("fr", "en")
        assert (again.name, again.folder) == (str(saved), saved)
        assert (again.source, again.target) == (parent.source, parent.target)
        record = json.loads((saved / RECORD).read_text(encoding="utf-8"))
        assert record["fingerprint"] == parent.fingerprint() and record["scores"] == {"BLEU": 1.5}

    def test_saving_again_changes_no_file(self, saved, tmp_path):
        again = Parent.load(saved)
        again.save(tmp_path / "again", {"scores": {"BLEU": 1.5}})
        names = {path.name for path in saved.iterdir()}
        assert names == {path.name for path in (tmp_path / "again").iterdir()}
        for name in names:
            assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
        assert again.folder == tmp_path / "again" and again.name == str(tmp_path / "again")

    def test_plain_transformers_loads_it(self, saved):
        """Nothing of Crosslate is needed to use a parent."""
        parent = Parent.load(saved)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(saved)
        tokenizer = transformers.AutoTokenizer.from_pretrained(saved)
        inputs = parents.batch(parent.source, parent.target)
        assert torch.equal(parents.logits(model, inputs), parents.logits(parent.model, inputs))
        for text in (*parents.TEXT, "der Garten"):
            assert tokenizer(text)["input_ids"] == parent.source.encode(text)
            assert tokenizer(text_target=text)["input_ids"] == parent.target.encode(text)
            ids = parent.target.encode(text)
            assert tokenizer.decode(ids, skip_special_tokens=True) == parent.target.decode(ids)
        encoded = tokenizer(["der Hund", "die Frau kauft heute"], padding=True, return_tensors="pt")
        generated = model.generate(**encoded, num_beams=1, max_new_tokens=5)
        assert torch.equal(generated, parent.model.generate(**encoded, num_beams=1, max_new_tokens=5))

    def test_a_shared_table_stays_shared(self, tmp_path):
        parent = parents.parent("marian-shared")
        fingerprint = parent.fingerprint()
        parent.save(tmp_path / "parent")
        again = Parent.load(tmp_path / "parent")
        assert again.fingerprint() == fingerprint
        assert again.model.lm_head.weight is again.model.model.encoder.embed_tokens.weight

    @pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
    def test_every_file_may_be_read_by_whom_the_umask_allows(self, tmp_path):
        """A server in a container reads them as another user."""
        mask = os.umask(0o022)
        try:
            created().save(tmp_path / "parent")
        finally:
            os.umask(mask)
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "parent").iterdir()} == {0o644}
        assert (tmp_path / "parent").stat().st_mode & 0o777 == 0o755

    def test_an_existing_folder_is_not_replaced_unasked(self, copy):
        with pytest.raises(InputError, match="already exists"):
            created().save(copy)
        created(seed=2).save(copy, replace=True)
        assert Parent.load(copy).fingerprint() == created(seed=2).fingerprint()

    def test_languages_may_be_given_by_any_of_their_names(self, copy):
        parent = Parent.load(copy, source_language="fra", target_language="en-GB")
        assert (parent.source_language, parent.target_language) == ("fra", "en-GB")

    @pytest.mark.parametrize("languages", [("de", "ja"), ("en", "fr"), ("fr", "ja"), ("oc", "en")])
    def test_other_languages_than_the_files_name_are_refused(self, copy, languages):
        source, target = languages
        with pytest.raises(
            ParentError, match=f"translates fr to en, as its files say, not {source} to {target};"
        ):
            Parent.load(copy, source_language=source, target_language=target)


class TestFaults:
    def refused(self, folder, message):
        with pytest.raises(ParentError, match=message) as caught:
            Parent.load(folder)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("config.json", None, r"has no config\.json; expected a model in Hugging Face's layout"),
            ("source.spm", None, r"the vocabularies of .*: source\.spm missing; expected Marian's layout"),
            ("vocab.json", None, r": vocab\.json missing;"),
            ("model.safetensors", None, "cannot load the model in"),
            ("config.json", "{", "cannot read the configuration in"),
            ("config.json", '{"model_type": "unheard-of"}', "cannot read the configuration in"),
            ("config.json", '{"model_type": "gpt2"}', "holds a gpt2 model, which is no encoder-decoder; expected"),
            ("model.safetensors", "not tensors", "cannot load the model in"),
            ("vocab.json", "[]", "expected a JSON object that maps pieces to the ids 0 to n-1"),
            ("vocab.json", '{"</s>": 0, "<unk>": 1}', "has no piece <pad>, which"),
            ("vocab.json", '{"</s>": 0, "<unk>": 1, "<pad>": 9}', "maps pieces to the ids 0 to n-1"),
            ("vocab.json", '{"</s>": 0, "<unk>": 1, "<pad>": "2"}', "maps pieces to the ids 0 to n-1"),
            ("vocab.json", "{", "not JSON at line 1"),
            ("source.spm", "not a vocabulary", "not a SentencePiece model"),
            ("tokenizer_config.json", "{", "not JSON at line 1"),
        ],
    )  # fmt: skip
    def test_a_missing_or_damaged_file(self, copy, name, content, message):
        (copy / name).unlink()
        if content is not None:
            (copy / name).write_text(content, encoding="utf-8")
        self.refused(copy, message)

    @pytest.mark.parametrize("content", [None, "[]", '{"source_lang": "ROMANCE", "target_lang": "en"}'])
    def test_no_file_names_both_languages(self, copy, content):
        described = copy / "tokenizer_config.json"
        described.unlink() if content is None else described.write_text(content, encoding="utf-8")
        assert Parent.load(copy).source_language == "fr"  # as our own record says
        (copy / "crosslate.json").unlink()
        self.refused(copy, "does not say which languages it translates; give both language codes")

    def test_a_checkpoint_without_all_tensors(self, copy):
        from safetensors.torch import load_file, save_file

        weights = load_file(copy / "model.safetensors")
        for name in ("model.encoder.layers.1.fc1.weight", "model.encoder.layers.1.fc1.bias"):
            weights.pop(name)
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        self.refused(copy, r"lacks 2 tensors of its model, the first model\.encoder\.layers\.1\.fc1\.bias")

    def test_a_checkpoint_of_other_sizes(self, copy):
        config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
        (copy / "config.json").write_text(json.dumps(config | {"encoder_ffn_dim": 32}), encoding="utf-8")
        self.refused(copy, "the sizes of 6 tensors are not those of its config.json, the first model.encoder")

    def test_a_vocabulary_larger_than_its_table(self, copy):
        large = parents.vocabulary(50, SPECIAL)
        large.save(copy / "target.spm")
        large.save_mapping(copy / "target_vocab.json")
        self.refused(copy, "the target vocabulary has 50 pieces, its embedding table only 44 rows")

    def test_a_file_for_a_folder(self, copy):
        self.refused(copy / "config.json", "is a file of a model; give its folder, .*parent$")
        (copy / "notes.pdf").write_text("")
        self.refused(copy / "notes.pdf", "is a file, expected the folder of a model or a hub id")

    @pytest.mark.parametrize("name", ["no-such-folder", "./a/b", "/no/such", "a/b/c", "~/no-such-parent"])
    def test_no_such_folder(self, name):
        self.refused(name, "no such folder")

    def test_the_hub_out_of_reach(self):
        self.refused(
            "nobody/nothing", "nobody/nothing is no folder here and could not be fetched from the hub: "
        )

    def test_different_special_ids_cannot_be_saved(self, tmp_path):
        parent = created()
        parent.target = parents.vocabulary(44, SpecialIds(eos=0, unk=1, pad=3))
        with pytest.raises(ParentError, match="different special ids"):
            parent.save(tmp_path / "parent")
        assert not (tmp_path / "parent").exists()
