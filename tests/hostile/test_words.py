"""Odd words end in a refusal before any work, and nothing is written."""

import pytest

from tests.hostile.cases import sampled
from tests.hostile.judge import judged
from tests.hostile.words import CASES


@pytest.mark.parametrize("case", sampled(CASES))
def test_hostile_words(case, runner, here):
    judged(case, runner, here)
