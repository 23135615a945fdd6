"""Runs that somebody else began are gone on with only where they are what was asked for, and name no code to run."""

import pytest

from tests.hostile.begun import CASES
from tests.hostile.cases import sampled
from tests.hostile.judge import judged


@pytest.mark.parametrize("case", sampled(CASES, every=45))
def test_hostile_beginnings(case, runner, here):
    judged(case, runner, here)
