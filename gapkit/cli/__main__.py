"""``python -m gapkit.cli`` is the same as ``gapkit``."""

from gapkit.cli.app import main

main()
