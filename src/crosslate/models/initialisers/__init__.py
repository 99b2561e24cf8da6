"""Initial values of new embedding tables."""
