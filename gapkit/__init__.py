"""Inference-gap analysis: ELBO, IWAE and AIS estimates of log p(x), local optima q*, and the gaps between them.

Here is what an analysis begins with; all else is in the namespace of its subject: ``gapkit.ood.scores``,
``gapkit.estimators.Bdmc``, ``gapkit.training.RefitConfig``, ``gapkit.plots.ladder``. Names and namespaces are imported
when first used, so that ``gapkit --help`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gapkit.core.views import register_view
from gapkit.version import __version__

if TYPE_CHECKING:
    from gapkit.comparison import Comparison, compare
    from gapkit.core.errors import GapkitWarning, InputError
    from gapkit.engine import AnalysisSpec, analyze, certify, fit, spec_for
    from gapkit.estimators import Ais, Bound, Elbo, Estimate, Estimator, Iwae
    from gapkit.families import Family
    from gapkit.integrations.progress_bar import progress_bar
    from gapkit.local import register_family
    from gapkit.models import LatentModel, from_joint, from_pair, load_model, save_model
    from gapkit.results import Result, load_run
    from gapkit.training import refit

_HOMES = {
    "Ais": "gapkit.estimators",
    "AnalysisSpec": "gapkit.engine",
    "Bound": "gapkit.estimators",
    "Comparison": "gapkit.comparison",
    "Elbo": "gapkit.estimators",
    "Estimate": "gapkit.estimators",
    "Estimator": "gapkit.estimators",
    "Family": "gapkit.families",
    "GapkitWarning": "gapkit.core.errors",
    "InputError": "gapkit.core.errors",
    "Iwae": "gapkit.estimators",
    "LatentModel": "gapkit.models",
    "Result": "gapkit.results",
    "analyze": "gapkit.engine",
    "certify": "gapkit.engine",
    "compare": "gapkit.comparison",
    "fit": "gapkit.engine",
    "from_joint": "gapkit.models",
    "from_pair": "gapkit.models",
    "load_model": "gapkit.models",
    "load_run": "gapkit.results",
    "progress_bar": "gapkit.integrations.progress_bar",
    "refit": "gapkit.training",
    "register_family": "gapkit.local",
    "save_model": "gapkit.models",
    "spec_for": "gapkit.engine",
}
_NAMESPACES = (
    "checkpoints",
    "comparison",
    "core",
    "datasets",
    "doctor",
    "engine",
    "estimators",
    "families",
    "inputs",
    "integrations",
    "joint",
    "kernels",
    "ladder",
    "local",
    "meta",
    "models",
    "ood",
    "plots",
    "report",
    "results",
    "sources",
    "target",
    "trackers",
    "training",
)

__all__ = [
    "Ais",
    "AnalysisSpec",
    "Bound",
    "Comparison",
    "Elbo",
    "Estimate",
    "Estimator",
    "Family",
    "GapkitWarning",
    "InputError",
    "Iwae",
    "LatentModel",
    "Result",
    "__version__",
    "analyze",
    "certify",
    "compare",
    "fit",
    "from_joint",
    "from_pair",
    "load_model",
    "load_run",
    "progress_bar",
    "refit",
    "register_family",
    "save_model",
    "spec_for",
]

register_view("plots", lambda: import_module("gapkit.plots"))
register_view("tiles", lambda: import_module("gapkit.plots.gallery").tiles)
register_view("progress_bar", lambda: import_module("gapkit.integrations.progress_bar").progress_bar)
register_view("report", lambda: import_module("gapkit.report").write_report)
register_view("to_arviz", lambda: import_module("gapkit.integrations.arviz").to_arviz)


def __getattr__(name: str) -> object:
    if name in _NAMESPACES:
        return import_module(f"gapkit.{name}")  # which makes it an attribute
    if name not in _HOMES:
        raise AttributeError(f"module 'gapkit' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_NAMESPACES])
