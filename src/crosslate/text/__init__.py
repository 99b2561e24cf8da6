"""Text in: readers, cleaning, vocabularies, encoded corpora and the phrasebook. No torch."""
