"""What tests of several rooms share."""

import gc

import pytest


def pytest_collection_finish():
    """Spare the collector what stays until the end: a tenth of the time went into looking through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture
def no_pictures(monkeypatch):
    """Reports with empty pictures: drawing takes most of their time, and these tests read words and numbers."""
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt" viewBox="0 0 90 60"></svg>'
    for room in ("figures", "score", "comparison_figures"):
        monkeypatch.setattr(f"gapkit.report.{room}.as_svg", lambda *_: empty)
