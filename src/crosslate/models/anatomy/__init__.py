"""Which group every parameter and buffer of a model belongs to, found by its behaviour."""
