"""Parents from other programs' files."""
