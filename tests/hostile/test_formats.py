"""Folders and programs that are damaged, absurd or malicious are refused by name, and nothing in them runs."""

import pytest

from tests.hostile.cases import EMPTY, sampled
from tests.hostile.formats import CASES, write
from tests.hostile.judge import judged


@pytest.mark.parametrize("case", sampled(CASES))
def test_hostile_formats(case, runner, tmp_path):
    (tmp_path / EMPTY).touch()
    write(tmp_path, case)
    judged(case, runner, tmp_path)
