"""Bulk translation: what plain translation gives, every line once, in order, resumed without doing work twice."""

import gzip
import os
from pathlib import Path

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, InputError
from crosslate.packs.stored_model import StoredModel
from crosslate.translation import bulk as module
from crosslate.translation.bulk import BulkSettings, ShardTranslator, translate_in_bulk
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


class Bulk:
    """Files and a model; ``run()`` translates them as ``crosslate translate --on`` does."""

    def __init__(self, root, tiny):
        self.model = StoredModel([tiny / "packs" / "de-en"], tiny / "parents" / "fr-en")
        self.first, self.second, self.out = root / "one.de.gz", root / "two.de", root / "out.en"
        self.first.write_bytes(gzip.compress("".join(line + "\n" for line in LINES[:4]).encode()))
        self.second.write_text("\n".join(LINES[4:]), encoding="utf-8")

    def run(self, on=None, shard_lines=2, options=OPTIONS):
        """``on`` stands for the workers on Ray."""
        files, settings = [self.first, self.second], BulkSettings(shard_lines=shard_lines)
        with pytest.MonkeyPatch.context() as patch:
            if on is not None:
                patch.setattr(module, "translate_on_ray", on)
                patch.setattr(module, "started_ray", lambda: None)
            return translate_in_bulk(self.model, files, self.out, options=options, settings=settings)

    def expected(self):
        plain = Translator.of_stored(self.model, engine="ctranslate2", options=OPTIONS).translate(LINES)
        return "".join(line + "\n" for line in plain)


@pytest.fixture
def bulk(tmp_path, tiny):
    return Bulk(tmp_path, tiny)


class Here:
    """Runs shards in this process; dies after so many."""

    def __init__(self, most=99):
        self.most, self.done = most, []

    def __call__(self, work, shards, cpus):
        translator = ShardTranslator(work, cpus)
        for shard in shards:
            if len(self.done) == self.most:
                raise KeyboardInterrupt
            self.done.append(shard)
            yield translator.translate(shard)


def test_a_stopped_run_goes_on_and_gives_what_plain_translation_gives(bulk):
    killed, again = Here(most=1), Here()
    with pytest.raises(KeyboardInterrupt):
        bulk.run(killed)
    assert not bulk.out.exists()
    (done,) = (shard.target for shard in killed.done)
    before = done.stat()
    with pytest.raises(InputError, match=r"a run with other shard_lines, beam_size;"):
        bulk.run(Here(), shard_lines=3, options=DecodingOptions(beam_size=1, max_new_tokens=8))
    text = bulk.second.read_text(encoding="utf-8")
    bulk.second.write_text(text + "\nHund", encoding="utf-8")
    with pytest.raises(InputError, match="a run with other inputs;"):
        bulk.run(Here())
    bulk.second.write_text(text, encoding="utf-8")
    assert (done.stat().st_mtime_ns, done.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert bulk.run(again) == len(LINES)
    assert [shard.num_lines for shard in again.done] == [2, 2, 1]
    assert bulk.out.read_text(encoding="utf-8") == bulk.expected()
    assert not bulk.out.with_name("out.en.run").exists()
    with pytest.raises(InputError, match="already exists"):
        bulk.run(Here())


def test_a_shard_that_lost_lines_is_not_assembled(bulk):
    def losing(work, shards, cpus):
        for shard in Here()(work, shards, cpus):
            Path(shard.target).write_text("one\n", encoding="utf-8")
            yield shard

    with pytest.raises(EngineError, match="has 1 lines, expected 7"):
        bulk.run(losing, shard_lines=100)
    assert not bulk.out.exists()


@pytest.mark.full
def test_a_worker_on_ray_that_dies_is_started_again(bulk, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    flag = tmp_path / "died"

    class Dying(ShardTranslator):  # made here, so that Ray's processes get its code
        def translate(self, shard):
            if not flag.exists():
                flag.touch()
                os._exit(1)
            return ShardTranslator.translate(self, shard)

    monkeypatch.setattr(module, "ShardTranslator", Dying)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert bulk.run() == len(LINES)
    finally:
        ray.shutdown()
    assert flag.exists()
    assert bulk.out.read_text(encoding="utf-8") == bulk.expected()
