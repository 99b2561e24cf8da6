"""The formats of parallel text: one module for each, found by its name."""
