"""The store of a run that was given none: it serves a second round, where the first one shows that modes are missed."""

from gapkit.engine.store import Memory, Nothing, Store
from gapkit.engine.work import Work

__all__ = ["temporary"]

_MOST_HELD = 10_000_000  # numbers, less than a hundred megabytes


def temporary(work: Work) -> Store:
    """A store in memory where a second round may come and all fits are few enough to be held that long, else none."""
    return Memory() if not work.widened and _held(work) <= _MOST_HELD else Nothing()


def _held(work: Work) -> int:
    """About how many numbers the fits and bounds of all datapoints have: a matrix for each mode, and draws."""
    dim, spec = work.like.dim, work.spec
    each = spec.fit.most(dim) * dim * dim + 3 * spec.elbo.num_samples + 2 * spec.iwae.num_samples
    return sum(len(x) for x in work.data.values()) * each
