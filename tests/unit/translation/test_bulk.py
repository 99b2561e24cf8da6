"""Bulk translation: what plain translation gives, every line once, in order, resumed without doing work twice."""

import gzip
import os
from pathlib import Path

import pytest

import tiny_models
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, InputError
from crosslate.packs.stored import StoredModel
from crosslate.translation.bulk import BulkSettings, ShardTranslator, translate_in_bulk, translate_on_ray
from crosslate.translation.translator import Translator

OPTIONS = DecodingOptions(beam_size=2, max_new_tokens=8)
LINES = [
    "Hund sieht Katze.",
    "",
    "Haus rot.\u2028Buch",
    "Kind schläft.",
    "Mann isst.",
    "Hund",
    "Frau sieht Buch.",
]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    tiny_models.build(root)
    return [root / "packs" / "de-en"], root / "parents" / "fr-en"


class Here:
    """Runs shards in this process; dies after so many."""

    def __init__(self, most=99):
        self.most, self.done = most, []

    def __call__(self, work, shards):
        translator = ShardTranslator(work)
        for shard in shards:
            if len(self.done) == self.most:
                raise KeyboardInterrupt
            self.done.append(shard)
            yield translator.translate(shard)


@pytest.fixture
def ray():
    module = pytest.importorskip("ray")
    module.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield module
    module.shutdown()


def dies_once(flag):
    """A translator whose process ends at its first shard; made here, so that Ray's processes get its code."""

    class Dying(ShardTranslator):
        def translate(self, shard):
            if not flag.exists():
                flag.touch()
                os._exit(1)
            return ShardTranslator.translate(self, shard)

    return Dying


def test_a_stopped_run_goes_on_and_gives_what_plain_translation_gives(packed, tmp_path, ray):
    model = StoredModel(*packed)
    first, second, out = tmp_path / "one.de.gz", tmp_path / "two.de", tmp_path / "out.en"
    first.write_bytes(gzip.compress("".join(line + "\n" for line in LINES[:4]).encode()))
    second.write_text("\n".join(LINES[4:]), encoding="utf-8")
    killed = Here(most=1)

    def again(run, shard_lines=2, options=OPTIONS):
        settings = BulkSettings(shard_lines=shard_lines)
        return translate_in_bulk(model, [first, second], out, options=options, settings=settings, run=run)

    with pytest.raises(KeyboardInterrupt):
        again(killed)
    assert not out.exists()
    [done] = [Path(shard.target) for shard in killed.done]
    before = done.stat()
    with pytest.raises(InputError, match=r"a run with other shard_lines, beam_size;"):
        again(Here(), shard_lines=3, options=DecodingOptions(beam_size=1, max_new_tokens=8))
    taken = []

    def watched(work, shards):
        taken.extend(shards)
        yield from translate_on_ray(work, shards, translator=dies_once(tmp_path / "died"))
        assert (done.stat().st_mtime_ns, done.stat().st_ino) == (before.st_mtime_ns, before.st_ino)

    assert again(watched) == len(LINES)
    assert (tmp_path / "died").exists()
    assert [shard.num_lines for shard in taken] == [2, 2, 1]
    plain = Translator.open(*packed, engine="ctranslate2", options=OPTIONS).translate(LINES)
    assert out.read_text(encoding="utf-8") == "".join(line + "\n" for line in plain)
    assert not (tmp_path / "out.en.run").exists()
    with pytest.raises(InputError, match="already exists"):
        again(Here())


def test_a_shard_that_lost_lines_is_not_assembled(packed, tmp_path):
    text, out = tmp_path / "in.de", tmp_path / "out.en"
    text.write_text("Hund\nKatze\nHaus\n", encoding="utf-8")

    class Losing(Here):
        def __call__(self, work, shards):
            for shard in super().__call__(work, shards):
                Path(shard.target).write_text("one\n", encoding="utf-8")
                yield shard

    with pytest.raises(EngineError, match="has 1 lines, expected 3"):
        translate_in_bulk(StoredModel(*packed), [text], out, options=OPTIONS, run=Losing())
    assert not out.exists()
