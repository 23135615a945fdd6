"""Estimators of bounds on log p(x), one a file: ``(model, x, q, seed) -> Estimate``, or on a target that is bound."""

from gapkit.estimators.ais import Ais
from gapkit.estimators.bdmc import Bdmc, Sandwich
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.iwae import Iwae
from gapkit.estimators.protocol import Bound, Estimate, Estimator, bound_inputs, without_nan
from gapkit.estimators.reciprocal import ReciprocalIs

__all__ = [
    "Ais",
    "Bdmc",
    "Bound",
    "Elbo",
    "Estimate",
    "Estimator",
    "Iwae",
    "ReciprocalIs",
    "Sandwich",
    "bound_inputs",
    "without_nan",
]
