"""Per-datapoint optimisation of q: starts, natural-gradient steps, fits."""

from gapkit.local.curvature import MAX_DIM
from gapkit.local.fit import FAMILIES, FitStatus, LocalFit, LocalFits, fit
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank, build_bank

__all__ = ["FAMILIES", "MAX_DIM", "Bank", "FitSettings", "FitStatus", "LocalFit", "LocalFits", "build_bank", "fit"]
