"""From settings to a result: plan the units, run the stages, gather the rows."""

from gapkit.doctor import checked_device
from gapkit.engine.certify import BdmcCertificate, certify
from gapkit.engine.checkup import Checked, checkup
from gapkit.engine.disk import Disk, Union
from gapkit.engine.encoders import check_encoder_names
from gapkit.engine.execute import Executor, Local
from gapkit.engine.fit import Fitted, fit
from gapkit.engine.given import Given
from gapkit.engine.own_bounds import checked_bounds
from gapkit.engine.planning import Plan, plan
from gapkit.engine.progress import Progress
from gapkit.engine.ray_executor import Ray
from gapkit.engine.request import differences, request_of, spec_of
from gapkit.engine.run import analyze
from gapkit.engine.shard import Shard, ShardDone, run_shard
from gapkit.engine.spec import EFFORTS, AnalysisSpec, spec_for
from gapkit.engine.store import Memory, Store
from gapkit.engine.units import Unit, plan_units

__all__ = [
    "EFFORTS",
    "AnalysisSpec",
    "BdmcCertificate",
    "Checked",
    "Disk",
    "Executor",
    "Fitted",
    "Given",
    "Local",
    "Memory",
    "Plan",
    "Progress",
    "Ray",
    "Shard",
    "ShardDone",
    "Store",
    "Union",
    "Unit",
    "analyze",
    "certify",
    "check_encoder_names",
    "checked_bounds",
    "checked_device",
    "checkup",
    "differences",
    "fit",
    "plan",
    "plan_units",
    "request_of",
    "run_shard",
    "spec_for",
    "spec_of",
]
