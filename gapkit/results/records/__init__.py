"""What a summary holds, as frozen values: of a run, of each split, of latents, curves and evidence."""

from gapkit.results.records.curves import (
    AisConvergence,
    AisPoint,
    FitConvergence,
    FitPoint,
    IwaeCurve,
    IwaePoint,
    LocalSteps,
    NoisyMean,
    StepPoint,
    Watched,
)
from gapkit.results.records.evidence import AisCertificate, Checks, Control, MeanAndMedian, RouteFound, SearchFound
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
    "AisCertificate",
    "AisConvergence",
    "AisPoint",
    "Baselines",
    "Checks",
    "ClassGaps",
    "Concentration",
    "Control",
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
    "MeanAndMedian",
    "NoisyMean",
    "PerDimension",
    "RouteFound",
    "SearchFound",
    "SimpleModel",
    "Skipped",
    "Split",
    "StepPoint",
    "Summary",
    "Unfinished",
    "Watched",
    "known",
]
