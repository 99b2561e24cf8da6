"""``python -m crosslate`` is ``crosslate``."""

from crosslate.cli import main

main()
