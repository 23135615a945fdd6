"""Odd words end in a refusal before any work, and nothing is written."""

import pytest

from tests.hostile.judge import judged
from tests.hostile.words import CASES


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile_words(case, runner, here):
    judged(case, runner, here)
