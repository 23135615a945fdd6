"""Results: what estimation writes and presentation reads, without a model: table, summary, run, words, card."""

from gapkit.results.loading import load_run
from gapkit.results.result import Result, check_folder

__all__ = ["Result", "check_folder", "load_run"]
