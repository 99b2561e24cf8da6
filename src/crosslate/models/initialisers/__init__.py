"""Where the rows of a new embedding table start."""
