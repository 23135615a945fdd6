"""From settings to a result: plan the units, run the stages, gather the rows."""

from gapkit.doctor import checked_device
from gapkit.engine.certify import BdmcCertificate, certify
from gapkit.engine.encoders import check_encoder_names
from gapkit.engine.fit import Fitted, fit
from gapkit.engine.own_bounds import checked_bounds
from gapkit.engine.plan import Unit, plan_units
from gapkit.engine.progress import Progress
from gapkit.engine.run import analyze
from gapkit.engine.spec import EFFORTS, AnalysisSpec, spec_for
from gapkit.engine.store import Memory, Store

__all__ = [
    "EFFORTS",
    "AnalysisSpec",
    "BdmcCertificate",
    "Fitted",
    "Memory",
    "Progress",
    "Store",
    "Unit",
    "analyze",
    "certify",
    "check_encoder_names",
    "checked_bounds",
    "checked_device",
    "fit",
    "plan_units",
    "spec_for",
]
