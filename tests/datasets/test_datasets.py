"""`gapkit.datasets` gives what the command line loads by the same name."""

import inspect

import pytest
import torch

import gapkit
from gapkit.core.errors import InputError
from gapkit.inputs.data import binarize, load
from gapkit.inputs.known import NAMES


def test_every_name_has_a_function():
    assert sorted(gapkit.datasets.__all__) == sorted(NAMES)
    signatures = {str(inspect.signature(getattr(gapkit.datasets, name))) for name in NAMES}
    assert len(signatures) == 1


def test_digits_are_those_of_the_command_line():
    for how in ("none", "threshold", "sample"):
        found = gapkit.datasets.digits("test", limit=20, binarize=how, seed=3)
        wanted = load("digits", split="test", limit=20)
        assert torch.equal(found.x, binarize(wanted.x, how, 3))
        assert torch.equal(found.labels, wanted.labels)
    with pytest.raises(InputError, match="no such split"):
        gapkit.datasets.digits("tset")
    with pytest.raises(InputError, match="no such way"):
        gapkit.datasets.digits(binarize="yes")
