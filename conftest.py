"""Examples in docstrings make models of random weights: they are the same whatever ran before."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded_examples(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        torch.manual_seed(0)
