"""Export packs with their parent to other programs."""
