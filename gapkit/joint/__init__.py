"""Models with latents that all datapoints share: amortized against factorized variational inference.

A :class:`HierarchicalModel` is two log densities; :func:`analyze` tells which inference function it needs, and what
that loses. Source: Margossian, Blei, "Amortized Variational Inference: When and Why?" (2024),
https://arxiv.org/abs/2307.11018.
"""

from gapkit.joint.analyze import Bounds, analyze, bounds_of, objective_of
from gapkit.joint.diagnostics import convergence, fixed_point, polish, repeats, window_curve
from gapkit.joint.families import Constant, Factorized, Family, Mlp, Own, Polynomial
from gapkit.joint.fit import Fit, Settings, Trace, fit, fit_factorized
from gapkit.joint.gaussian import GaussianPosterior, posterior_of
from gapkit.joint.ladder import AMORTIZED
from gapkit.joint.model import Factors, HierarchicalModel
from gapkit.joint.objective import Exact, MonteCarlo, Quadrature
from gapkit.joint.population import expected_gap
from gapkit.joint.structure import Structure, structure_of
from gapkit.joint.windows import Window

__all__ = [
    "AMORTIZED",
    "Bounds",
    "Constant",
    "Exact",
    "Factorized",
    "Factors",
    "Family",
    "Fit",
    "GaussianPosterior",
    "HierarchicalModel",
    "Mlp",
    "MonteCarlo",
    "Own",
    "Polynomial",
    "Quadrature",
    "Settings",
    "Structure",
    "Trace",
    "Window",
    "analyze",
    "bounds_of",
    "convergence",
    "expected_gap",
    "fit",
    "fit_factorized",
    "fixed_point",
    "objective_of",
    "polish",
    "posterior_of",
    "repeats",
    "structure_of",
    "window_curve",
]
