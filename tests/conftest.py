"""What tests of several rooms share."""

import gc
import threading

import pytest


def pytest_collection_finish():
    """Spare the collector what stays until the end: a tenth of the time went into looking through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(autouse=True)
def _no_writer_is_left_open():
    """A thread of TensorBoard that goes on writing breaks whatever test runs when its folder has gone: told at once."""
    yield
    left = [thread for thread in threading.enumerate() if type(thread).__name__ == "_AsyncWriterThread"]
    for thread in left:
        thread.stop()  # and wait for it
    assert not left, "this test left a writer of TensorBoard open: close it"


@pytest.fixture
def no_pictures(monkeypatch):
    """Reports with empty pictures: drawing takes most of their time, and these tests read words and numbers."""
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt" viewBox="0 0 90 60"></svg>'
    for room in ("figures", "score", "comparison_figures"):
        monkeypatch.setattr(f"gapkit.report.{room}.as_svg", lambda *_: empty)
