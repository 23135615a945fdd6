"""Inference-gap analysis: ELBO, IWAE and AIS estimates of log p(x), local optima q*, and the gaps between them.

Names are imported when first used, so that ``gapkit --help`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gapkit.version import __version__

if TYPE_CHECKING:
    from gapkit.checks import GapkitWarning, InputError
    from gapkit.comparison import Comparison, compare
    from gapkit.encoders import compare_encoders
    from gapkit.engine import AnalysisSpec, analyze, certify, spec_for
    from gapkit.estimators import Ais, Bdmc, Elbo, Estimate, Iwae, ReciprocalIs
    from gapkit.export import to_arviz
    from gapkit.local import FitSettings, fit
    from gapkit.models import LatentModel, from_pair, load_model, save_model
    from gapkit.progress import progress_bar
    from gapkit.randomness import Key
    from gapkit.results import Result
    from gapkit.score import Scored, scores, separate
    from gapkit.training import refit

_HOMES = {
    "Ais": "gapkit.estimators",
    "AnalysisSpec": "gapkit.engine",
    "Bdmc": "gapkit.estimators",
    "Comparison": "gapkit.comparison",
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
    "Scored": "gapkit.score",
    "analyze": "gapkit.engine",
    "certify": "gapkit.engine",
    "compare": "gapkit.comparison",
    "compare_encoders": "gapkit.encoders",
    "fit": "gapkit.local",
    "from_pair": "gapkit.models",
    "load_model": "gapkit.models",
    "progress_bar": "gapkit.progress",
    "refit": "gapkit.training",
    "save_model": "gapkit.models",
    "scores": "gapkit.score",
    "separate": "gapkit.score",
    "spec_for": "gapkit.engine",
    "to_arviz": "gapkit.export",
}

__all__ = [
    "Ais",
    "AnalysisSpec",
    "Bdmc",
    "Comparison",
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
    "Scored",
    "__version__",
    "analyze",
    "certify",
    "compare",
    "compare_encoders",
    "fit",
    "from_pair",
    "load_model",
    "progress_bar",
    "refit",
    "save_model",
    "scores",
    "separate",
    "spec_for",
    "to_arviz",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'gapkit' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
