"""The phrasebook's grammar: meanings sampled from a seed and said in English, French, German and Spanish.

``python -m tools.phrasebook`` writes the sentences and the gold dictionary that the package ships.
"""
