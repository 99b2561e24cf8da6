"""A pack for recordings or images as a checkpoint that transformers loads alone."""

import pytest
import transformers

import parents
import signals
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import PackError
from crosslate.export.formats.hf import HuggingFace
from crosslate.models.signals import processor_of
from crosslate.packs.compose import apply_packs, pack_child, plug_back
from crosslate.translation.translator import Translator


@pytest.fixture(scope="module", params=["whisper", "speech2text", "trocr"])
def made(request, tmp_path_factory):
    """A parent, a pack of it, and files."""
    if request.param == "trocr":
        pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("export")
    parent = signals.load(signals.write(request.param, folder / request.param))
    corpus = (signals.images if request.param == "trocr" else signals.recordings)(folder / "corpus", 3)
    pack = pack_child(parents.shake(parents.child(parent, "tgt+xattn", target=44)))
    return request.param, parent, pack, list(corpus.source)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_transformers_alone_writes_the_same(made, tmp_path, precision):
    family, parent, pack, files = made
    child = apply_packs(parent, [pack])
    message = HuggingFace().write(child, [pack.manifest], tmp_path / "out", precision)
    assert "checked with transformers: no tensor missing" in message
    if precision != "float32":
        return
    is_image = family == "trocr"
    kind = transformers.AutoModelForImageTextToText if is_image else transformers.AutoModelForSpeechSeq2Seq
    model = kind.from_pretrained(tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out", subfolder="tokenizer")
    opened = transformers.AutoImageProcessor if is_image else transformers.AutoFeatureExtractor
    assert opened.from_pretrained(tmp_path / "out") is not None
    processor = processor_of(child.source)
    expected = Translator(child, options=DecodingOptions(max_new_tokens=8)).translate(files)
    for file, wanted in zip(files, expected):
        features, _ = processor.batch([processor.features(file)])
        ids = model.generate(**{processor.input_name: features}, max_new_tokens=8)
        assert tokenizer.decode(ids[0], skip_special_tokens=True).strip() == wanted
    program = (tmp_path / "out" / "README.md").read_text()
    assert kind.__name__ in program and "$" not in program


def test_the_parent_s_own_vocabulary_is_refused(made, tmp_path):
    _, parent, pack, _ = made
    with pytest.raises(PackError, match="only a new vocabulary"):
        HuggingFace().write(plug_back(parent, pack), [pack.manifest], tmp_path / "out")
    assert not (tmp_path / "out").exists()
