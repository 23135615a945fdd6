"""To look into a file is as safe as not to, and what is printed of it is words and no commands."""

import pytest

from tests.hostile.cases import sampled
from tests.hostile.judge import judged
from tests.hostile.opened import CASES


@pytest.mark.parametrize("case", sampled(CASES, every=90))
def test_hostile_files_are_looked_at(case, runner, here):
    judged(case, runner, here)
