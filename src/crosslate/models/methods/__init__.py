"""Training methods for groups of parameters."""
