"""Per-datapoint optimisation of q: starts, steps for each family, certificates."""

from gapkit.local.budget import BudgetCurve, budget_curve
from gapkit.local.certificate import Certificate
from gapkit.local.curvature import MAX_DIM
from gapkit.local.families import FAMILIES, FITTERS
from gapkit.local.fit import GAUSSIAN, LocalFits, fit_batch, fit_further, fit_gaussian, further, order, split_family
from gapkit.local.fitter import FitStatus, LocalFit
from gapkit.local.gradient_fitter import GradientFitter
from gapkit.local.own import families_in_words, forget_family, own_families, register_family
from gapkit.local.route import Route, travel
from gapkit.local.search import Found, Further, find_modes, search_on
from gapkit.local.semi_amortized import NUM_SAMPLES, STEPS, SemiAmortized, check_steps, semi_amortized, steps_refusal
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank, build_bank

__all__ = [
    "FAMILIES",
    "FITTERS",
    "GAUSSIAN",
    "MAX_DIM",
    "NUM_SAMPLES",
    "STEPS",
    "Bank",
    "BudgetCurve",
    "Certificate",
    "FitSettings",
    "FitStatus",
    "Found",
    "Further",
    "GradientFitter",
    "LocalFit",
    "LocalFits",
    "Route",
    "SemiAmortized",
    "budget_curve",
    "build_bank",
    "check_steps",
    "families_in_words",
    "find_modes",
    "fit_batch",
    "fit_further",
    "fit_gaussian",
    "forget_family",
    "further",
    "order",
    "own_families",
    "register_family",
    "search_on",
    "semi_amortized",
    "split_family",
    "steps_refusal",
    "travel",
]
