"""How transformers calls a decoder's cache, as a keyword and in outputs."""

from __future__ import annotations

from dataclasses import fields

from transformers.modeling_outputs import Seq2SeqLMOutput

# Renamed in transformers 5.24. Given the old name beside the new one, models ignore it with a mere warning.
CACHE_NAME = "cache" if "cache" in {field.name for field in fields(Seq2SeqLMOutput)} else "past_key_values"
