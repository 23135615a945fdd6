"""Where AIS starts from."""

import pytest

EVERY_START = pytest.mark.parametrize("start", ["prior", "encoder"])


def start_of(model, x, start):
    return model.prior() if start == "prior" else model.encode(x)
