"""The command line: parses, calls, prints. torch is imported by the commands, not here."""

from gapkit.cli.app import main

__all__ = ["main"]
