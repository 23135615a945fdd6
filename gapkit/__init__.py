"""Inference-gap analysis: ELBO, IWAE and AIS estimates of log p(x), local optima q*, and the gaps between them.

Names are imported when first used, so that ``gapkit --help`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gapkit.version import __version__

if TYPE_CHECKING:
    from gapkit.checks import GapkitWarning, InputError
    from gapkit.encoders import compare_encoders
    from gapkit.engine import AnalysisSpec, analyze, certify, spec_for
    from gapkit.estimators import Ais, Bdmc, Elbo, Estimate, Iwae, ReciprocalIs
    from gapkit.local import FitSettings, fit
    from gapkit.models import LatentModel, from_pair, load_model, save_model
    from gapkit.randomness import Key
    from gapkit.results import Result
    from gapkit.training import refit

_HOMES = {
    "Ais": "gapkit.estimators",
    "AnalysisSpec": "gapkit.engine",
    "Bdmc": "gapkit.estimators",
    "Elbo": "gapkit.estimators",
    "Estimate": "gapkit.estimators",
    "FitSettings": "gapkit.local",
    "GapkitWarning": "gapkit.checks",
    "InputError": "gapkit.checks",
    "Iwae": "gapkit.estimators",
    "Key": "gapkit.randomness",
    "LatentModel": "gapkit.models",
    "ReciprocalIs": "gapkit.estimators",
    "Result": "gapkit.results",
    "analyze": "gapkit.engine",
    "certify": "gapkit.engine",
    "compare_encoders": "gapkit.encoders",
    "fit": "gapkit.local",
    "from_pair": "gapkit.models",
    "load_model": "gapkit.models",
    "refit": "gapkit.training",
    "save_model": "gapkit.models",
    "spec_for": "gapkit.engine",
}

__all__ = [
    "Ais",
    "AnalysisSpec",
    "Bdmc",
    "Elbo",
    "Estimate",
    "FitSettings",
    "GapkitWarning",
    "InputError",
    "Iwae",
    "Key",
    "LatentModel",
    "ReciprocalIs",
    "Result",
    "__version__",
    "analyze",
    "certify",
    "compare_encoders",
    "fit",
    "from_pair",
    "load_model",
    "refit",
    "save_model",
    "spec_for",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'gapkit' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
