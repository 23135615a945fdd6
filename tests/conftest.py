"""What tests of several rooms share."""

import pytest


@pytest.fixture
def no_pictures(monkeypatch):
    """Reports with empty pictures: drawing takes most of their time, and these tests read words and numbers."""
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt" viewBox="0 0 90 60"></svg>'
    for room in ("figures", "score", "comparison_figures"):
        monkeypatch.setattr(f"gapkit.report.{room}.as_svg", lambda *_: empty)
