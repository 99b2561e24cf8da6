"""The command line: one thin file per command, all loaded by :mod:`crosslate.cli.app`."""


def main() -> None:
    """Entry point of the ``crosslate`` command."""
    from crosslate.cli.app import run

    run()
