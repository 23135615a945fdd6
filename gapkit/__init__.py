"""Inference-gap analysis: ELBO, IWAE and AIS estimates of log p(x), local optima q*, and the gaps between them.

Names are imported when first used, so that ``gapkit --help`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gapkit.core.views import register_view
from gapkit.version import __version__

if TYPE_CHECKING:
    from gapkit.comparison import Comparison, compare
    from gapkit.core.errors import GapkitWarning, InputError
    from gapkit.core.randomness import Key
    from gapkit.engine import AnalysisSpec, analyze, certify, spec_for
    from gapkit.estimators import Ais, Bdmc, Elbo, Estimate, Iwae, ReciprocalIs
    from gapkit.integrations.arviz import to_arviz
    from gapkit.integrations.progress_bar import progress_bar
    from gapkit.local import FitSettings, fit
    from gapkit.models import LatentModel, from_pair, load_model, save_model
    from gapkit.ood.score import Scored, scores, separate
    from gapkit.results import Result
    from gapkit.sources import Source
    from gapkit.training import refit
    from gapkit.training.compare_encoders import compare_encoders

_HOMES = {
    "Ais": "gapkit.estimators",
    "AnalysisSpec": "gapkit.engine",
    "Bdmc": "gapkit.estimators",
    "Comparison": "gapkit.comparison",
    "Elbo": "gapkit.estimators",
    "Estimate": "gapkit.estimators",
    "FitSettings": "gapkit.local",
    "GapkitWarning": "gapkit.core.errors",
    "InputError": "gapkit.core.errors",
    "Iwae": "gapkit.estimators",
    "Key": "gapkit.core.randomness",
    "LatentModel": "gapkit.models",
    "ReciprocalIs": "gapkit.estimators",
    "Result": "gapkit.results",
    "Scored": "gapkit.ood.score",
    "Source": "gapkit.sources",
    "analyze": "gapkit.engine",
    "certify": "gapkit.engine",
    "compare": "gapkit.comparison",
    "compare_encoders": "gapkit.training.compare_encoders",
    "fit": "gapkit.local",
    "from_pair": "gapkit.models",
    "load_model": "gapkit.models",
    "progress_bar": "gapkit.integrations.progress_bar",
    "refit": "gapkit.training",
    "save_model": "gapkit.models",
    "scores": "gapkit.ood.score",
    "separate": "gapkit.ood.score",
    "spec_for": "gapkit.engine",
    "to_arviz": "gapkit.integrations.arviz",
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
    "Source",
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

register_view("plots", lambda: import_module("gapkit.plots"))
register_view("to_arviz", lambda: import_module("gapkit.integrations.arviz").to_arviz)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'gapkit' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
