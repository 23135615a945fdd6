"""Data files that are damaged, absurd or malicious are refused by name, and large ones are read as far as needed."""

import pytest

from tests.hostile.data import CASES
from tests.hostile.judge import judged


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile_data(case, runner, here):
    judged(case, runner, here)
