"""Data files that are damaged, absurd or malicious are refused by name, and large ones are read as far as needed."""

import pytest

from tests.hostile.cases import sampled
from tests.hostile.data import CASES
from tests.hostile.judge import judged


@pytest.mark.parametrize("case", sampled(CASES))
def test_hostile_data(case, runner, here):
    judged(case, runner, here)
