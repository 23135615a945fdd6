"""``python -m gapkit`` is the same as ``gapkit``."""

from gapkit.cli import main

main()
