"""Evaluation of translations and embeddings: scores, lexicon induction, cross-attention."""
