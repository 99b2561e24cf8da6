"""Merge a pack for recordings or images with its parent into a checkpoint that needs only transformers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.errors import Faults, PackError
from crosslate.export.merge_check import rounded
from crosslate.files import atomic_folder, write_json, write_text
from crosslate.languages.codes import language_name
from crosslate.models.child import Child
from crosslate.models.parent_files import PROCESSOR_FILES, copy_files, silenced
from crosslate.models.signals import SignalProcessor, processor_of
from crosslate.models.vocabularies.tokenizer_files import write_marian_files
from crosslate.packs.cards import exported_card
from crosslate.packs.manifest import Manifest
from crosslate.text.vocabularies import AUDIO

_CARD = Path(__file__).with_suffix(".md")
_TOKENIZER = "tokenizer"
_MAX_NEW_TOKENS = 16
_TOLERANCE = 1e-4
"""Of logits, relative to the largest."""
_MODEL_CLASSES = {AUDIO: "AutoModelForSpeechSeq2Seq"}
_READS = {
    AUDIO: {
        "read": "recordings",
        "imports": "import soundfile",
        "processor_class": "AutoFeatureExtractor",
        "inputs": "samples, rate = soundfile.read(file)  # one channel, at the rate of the processor\n"
        '    inputs = processor(samples, sampling_rate=rate, return_tensors="pt")',
        "packages": "soundfile",
    }
}
_IMAGES = {
    "read": "images",
    "imports": "from PIL import Image",
    "processor_class": "AutoImageProcessor",
    "inputs": 'inputs = processor(Image.open(file).convert("RGB"), return_tensors="pt")',
    "packages": "pillow",
}


def write_files_checkpoint(child: Child, manifests: Sequence[Manifest], out: Path, precision: str) -> str:
    """Writes a folder that transformers loads: model, processor, and the tokenizer of the new vocabulary.

    Before the folder gets its final name it is loaded and compared with the child: tensors, decoding, logits
    and a greedy output for a made-up file must agree.

    Returns:
        A message about the checks.

    Raises:
        PackError: the target vocabulary is the parent's, or a check fails; nothing is written.
    """
    target = child.target
    if target is child.parent.target or not target.has_usual_frame:
        raise PackError("only a new vocabulary without language codes is merged; translate with the pack")
    processor, dtype = processor_of(child.source), getattr(torch, precision)
    model: Any = copy.deepcopy(child.model).to(dtype)
    model.config.dtype = dtype
    model.generation_config = _generation_configuration(child)
    with atomic_folder(out) as folder, silenced():
        model.save_pretrained(folder)
        copy_files(child.parent.folder or Path(), folder, PROCESSOR_FILES)
        (folder / _TOKENIZER).mkdir()
        languages = (child.source_language, child.target_language)
        write_marian_files(folder / _TOKENIZER, target, target, languages, child.parent.max_tokens)
        write_json(folder / _TOKENIZER / "config.json", {"model_type": "marian"})
        values = _READS.get(processor.signal, _IMAGES) | {"written": language_name(child.target_language)}
        card = exported_card(
            _CARD, languages, child.parent.name, manifests, "transformers", precision=precision,
            model_class=_model_class(processor), **values,
        )  # fmt: skip
        write_text(folder / "README.md", card)
        difference = _check(folder, replace(child, model=rounded(child.model, dtype)), processor)
    logits = f"logits within {difference:.1g} of the largest" if difference else "identical logits"
    return (
        f"checked with transformers: no tensor missing, {logits}; see {out / 'README.md'} for how to use it"
    )


def _model_class(processor: SignalProcessor) -> str:
    return _MODEL_CLASSES.get(processor.signal, "AutoModelForImageTextToText")


def _generation_configuration(child: Child) -> Any:
    """Crosslate's default decoding options."""
    facts, options, special = Generation.of(child, reads_files=True), DecodingOptions(), child.target.special
    return GenerationConfig(
        decoder_start_token_id=facts.start,
        eos_token_id=special.eos,
        pad_token_id=special.pad,
        suppress_tokens=facts.never_generated(child.target, allow_unknown=False),
        renormalize_logits=True,
        num_beams=options.beam_size,
        early_stopping=True,
        length_penalty=options.length_penalty,
        max_new_tokens=min(options.max_new_tokens, facts.max_target_tokens - 1),
        min_new_tokens=facts.min_new_tokens,
    )


def _check(folder: Path, child: Child, processor: SignalProcessor) -> float:
    """The largest difference of a logit as a share of the largest; PackError lists all differences."""
    import transformers

    faults = Faults("no checkpoint was written, since it would not behave as the pack does")
    try:
        model, info = getattr(transformers, _model_class(processor)).from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, subfolder=_TOKENIZER)
    except Exception as error:  # the library raises a dozen unrelated types
        reason = " ".join(str(error).split())
        raise PackError(f"{faults.heading}: transformers cannot load it: {reason}") from error
    if missing := sorted(info["missing_keys"]):
        faults.add(f"tensors are missing: {', '.join(missing[:5])}")
    target = child.target
    ids = [index for index in range(len(target)) if index not in target.silent | {target.special.unk}][:8]
    if tokenizer.decode(ids, skip_special_tokens=True).strip() != target.decode(ids).strip():
        faults.add(f"the tokenizer decodes the ids {ids} differently")
    features, _ = processor.batch([processor.made_up()])
    inputs = {processor.input_name: features}
    start = Generation.of(child, reads_files=True).start
    with torch.no_grad():
        previous = torch.tensor([[start, *ids[:6]]])
        expected, found = (
            each.eval()(**inputs, decoder_input_ids=previous, use_cache=False).logits
            for each in (child.model, model)
        )
        difference = float((expected - found).abs().max() / expected.abs().max())
        if not difference <= _TOLERANCE:  # also catches NaN
            faults.add(f"logits differ by {difference:.2g} of the largest, expected at most {_TOLERANCE}")
        written = model.generate(
            **inputs, num_beams=1, early_stopping=False, max_new_tokens=_MAX_NEW_TOKENS
        )[0].tolist()  # fmt: skip
        wanted = _greedy(child, inputs)
    # Whisper's own search gives its output without the start.
    written = written[1:] if written[:1] == [start] else written
    if not np.array_equal(_until_end(written, target), _until_end(wanted, target)):
        faults.add(
            f"it writes {tokenizer.decode(written)!r} for a made-up file, the pack {target.decode(wanted)!r}"
        )
    faults.raise_as(PackError)
    return difference


def _greedy(child: Child, inputs: dict[str, torch.Tensor]) -> list[int]:
    """The ids of a greedy output, step by step."""
    facts = Generation.of(child, reads_files=True)
    suppressed = facts.never_generated(child.target, allow_unknown=False)
    ids = [facts.start]
    for step in range(_MAX_NEW_TOKENS):
        logits = child.model(**inputs, decoder_input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        logits[suppressed] = -torch.inf
        if step < facts.min_new_tokens:
            logits[child.target.special.eos] = -torch.inf
        ids.append(int(logits.argmax()))
        if ids[-1] == child.target.special.eos:
            break
    return ids[1:]


def _until_end(ids: Sequence[int], target: Any) -> list[int]:
    return list(takewhile(lambda index: index not in (target.special.eos, target.special.pad), ids))
