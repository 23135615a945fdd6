"""Is the model wired as it is read? The contract, and checks on a few datapoints before any work."""

from gapkit.core.findings import Finding
from gapkit.doctor.contract import fit_to_model, prepare, require_support
from gapkit.doctor.examine import ASKED, CHECKS, ENCODER_CHECKS, Examination, Looked, examine, look, told
from gapkit.doctor.placement import checked_device, moved_to

__all__ = [
    "ASKED",
    "CHECKS",
    "ENCODER_CHECKS",
    "Examination",
    "Finding",
    "Looked",
    "checked_device",
    "examine",
    "fit_to_model",
    "look",
    "moved_to",
    "prepare",
    "require_support",
    "told",
]
