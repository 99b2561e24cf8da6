"""A parent's tokenizer in any family's layout, as vocabularies."""
