"""What a summary holds, as frozen values: of a run, of each split, of latents, curves and evidence."""

from gapkit.results.records.curves import (
    AisConvergence,
    AisPoint,
    Convergence,
    FitConvergence,
    FitPoint,
    IwaeCurve,
    IwaePoint,
    LocalSteps,
    NoisyMean,
    StepPoint,
)
from gapkit.results.records.evidence import (
    CertificateSummary,
    Checks,
    Control,
    RouteSummary,
    SandwichMean,
    SearchSummary,
)
from gapkit.results.records.latents import Latents, LatentUse, PerDimension
from gapkit.results.records.skipped import Skipped, known
from gapkit.results.records.split import (
    Baselines,
    ClassGaps,
    Concentration,
    DataFacts,
    LeftOut,
    SimpleModel,
    Split,
    Unfinished,
)
from gapkit.results.records.summary import Families, Summary

__all__ = [
    "AisConvergence",
    "AisPoint",
    "Baselines",
    "CertificateSummary",
    "Checks",
    "ClassGaps",
    "Concentration",
    "Control",
    "Convergence",
    "DataFacts",
    "Families",
    "FitConvergence",
    "FitPoint",
    "IwaeCurve",
    "IwaePoint",
    "LatentUse",
    "Latents",
    "LeftOut",
    "LocalSteps",
    "NoisyMean",
    "PerDimension",
    "RouteSummary",
    "SandwichMean",
    "SearchSummary",
    "SimpleModel",
    "Skipped",
    "Split",
    "StepPoint",
    "Summary",
    "Unfinished",
    "known",
]
