"""The best linear inference function over all data that a Gaussian model may give, rather than over one data set."""

from dataclasses import dataclass

import numpy as np
import torch

from gapkit.joint.gaussian import posterior_of
from gapkit.joint.model import HierarchicalModel
from gapkit.joint.windows import Window

__all__ = ["ExpectedGap", "expected_gap"]


@dataclass(frozen=True)
class ExpectedGap:
    """A mean amortization gap over data, in nats.

    Attributes:
        means: what f loses by its means; data enter here alone.
        variances: what one variance for all served datapoints loses against one for each.
        served: how many datapoints f serves.
    """

    means: float
    variances: float
    served: int

    @property
    def total(self) -> float:
        """Both together."""
        return self.means + self.variances


def expected_gap(
    model: HierarchicalModel, covariance: np.ndarray, window: Window, reach: int | None = None
) -> "ExpectedGap":
    """The mean amortization gap of the best linear f(window) with weights that all data sets share, in nats.

    Posterior means are linear in x, mu = A x, and so are those of q. The mean of (W x - A x)' P (W x - A x) over
    x ~ N(0, C) is a sum over the columns of a root of C, which stand for data sets. Datapoints without a whole window
    have factors of their own, whose means may be any linear function of x.

    Args:
        model: of one number a datapoint (D = 1), whose posterior is Gaussian and whose prior means are zero.
        covariance: of x, shape (N, N).
        window: what f sees.
        reach: see :func:`gapkit.joint.gaussian.posterior_of`.
    """
    count = len(covariance)
    root = np.linalg.cholesky(covariance)
    posterior = posterior_of(model, torch.zeros(count, 1, dtype=torch.float64), reach)
    assert posterior is not None, "the posterior is not Gaussian"
    size = posterior.shape[0]
    means = []
    for column in root.T:
        found = posterior_of(model, torch.from_numpy(column.copy())[:, None], reach)
        assert found is not None
        means.append(found.mean)
    precision, rows = posterior.precision.toarray(), window.rows(count).numpy()
    served = size + rows
    free = np.setdiff1d(np.arange(len(precision)), served)
    # Free means follow what the served ones do: only the Schur complement is paid.
    schur = precision[np.ix_(served, served)]
    if len(free):
        cross = precision[np.ix_(served, free)]
        schur = schur - cross @ np.linalg.solve(precision[np.ix_(free, free)], cross.T)
    normal, right, constant = 0.0, 0.0, 0.0
    for column, mean in zip(root.T, means, strict=True):
        features = window.gather(torch.from_numpy(column.copy())[:, None]).numpy()
        target = mean[served]
        normal = normal + features.T @ schur @ features
        right = right + features.T @ schur @ target
        constant += target @ schur @ target
    weights = np.linalg.lstsq(normal, right, rcond=1e-12)[0]
    variances = posterior.diagonal[served]
    spread = 0.5 * (len(served) * np.log(variances.mean()) - np.log(variances).sum())
    return ExpectedGap(0.5 * float(constant - right @ weights), float(spread), len(served))
