"""What translations and embeddings are worth: scores, lexicon induction, cross-attention."""
