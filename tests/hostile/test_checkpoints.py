"""Checkpoints that are damaged, absurd or malicious are refused by name, and nothing in them runs."""

import pytest

from tests.hostile.cases import sampled
from tests.hostile.checkpoints import CASES
from tests.hostile.judge import judged


@pytest.mark.parametrize("case", sampled(CASES))
def test_hostile_checkpoints(case, runner, here):
    judged(case, runner, here)
