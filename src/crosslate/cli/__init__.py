"""The command line, one file per command, loaded by :mod:`crosslate.cli.app`."""


def main() -> None:
    """Entry point of the ``crosslate`` command."""
    from crosslate.cli.app import run

    run()
