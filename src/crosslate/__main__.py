"""Runs the command line for ``python -m crosslate``."""

from crosslate.cli import main

main()
