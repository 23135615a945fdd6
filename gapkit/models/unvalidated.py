"""Distributions without argument checks, for a while."""

import contextlib
from collections.abc import Iterator

from torch.distributions import Distribution

__all__ = ["unvalidated"]


@contextlib.contextmanager
def unvalidated() -> Iterator[None]:
    """Switch off the argument checks of ``torch`` distributions for a while.

    They would turn one latent at which a decoder returns NaN into an error for the whole batch; here such a point is
    a weight of zero for one datapoint. Data are checked against the support once, before any work.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
