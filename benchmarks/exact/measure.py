"""Analyse a case and hold the estimates against the truth."""

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

import gapkit
from benchmarks.exact.case import Case
from gapkit import GapkitWarning, InputError
from gapkit.doctor import CHECKS
from gapkit.results.records import known

__all__ = ["BIAS", "OFF", "Z_RMS", "Measured", "measure", "strictly_right"]

OFF = 0.1  # nats from the truth beyond which a datapoint needs a status
BIAS, Z_RMS = 0.05, 1.5  # what a case may have and still count as right
_STRICT_BIAS = 0.02  # nats, of cases that a careful search must get right


@dataclass(frozen=True)
class Measured:
    """What an analysis said of a case whose truth is known; all in nats.

    Attributes:
        datapoints: how many.
        bias: mean of log p(x) minus the truth.
        rmse: root mean square of it.
        worst: the one of largest size, with its sign.
        z_rms: root mean square of it over claimed standard errors; None where one of them is zero, or not finite,
            beside an error that the resolution of the data's type does not explain.
        flagged: share of datapoints with a status other than ``ok``.
        missed: share of datapoints off by more than 0.1 nats, or not finite, with status ``ok``.
        star: mean of L[q*] minus the truth, where that is known.
        gradients: gradient equivalents for each datapoint, certificate and checks included.
        seconds: of the whole analysis.
        action: what the verdict says to mend first.
        why: its reason in a word.
        contradicted: whether the truth has the fault elsewhere.
        refused: what a check before the work found, where it stopped the analysis; the numbers are then those of an
            analysis that was told to go on all the same.
        error: the first line of an exception, where the analysis ended in one.
    """

    datapoints: int
    bias: float | None = None
    rmse: float | None = None
    worst: float | None = None
    z_rms: float | None = None
    flagged: float | None = None
    missed: float | None = None
    star: float | None = None
    gradients: float | None = None
    seconds: float | None = None
    action: str = ""
    why: str = ""
    contradicted: bool = False
    refused: str = ""
    error: str = ""

    @property
    def right(self) -> bool:
        """Small bias, and errors that are what is claimed."""
        return self.bias is not None and abs(self.bias) < BIAS and self.z_rms is not None and self.z_rms < Z_RMS

    @property
    def noticed(self) -> bool:
        """Every datapoint that is clearly off says so, and the advice is none that the truth contradicts."""
        return self.missed == 0 and not self.contradicted

    @property
    def verdict(self) -> str:
        """``right``, ``noticed``, ``missed``, ``refused``, or ``failed``, where the analysis raised an error."""
        if self.refused:
            return "refused"
        if self.error:
            return "failed"
        if self.right and not self.contradicted:
            return "right"
        return "noticed" if self.noticed else "missed"


def strictly_right(found: Measured) -> bool:
    """Bias below 0.02 nats, true errors, no datapoint flagged, no advice that the truth contradicts."""
    return found.verdict == "right" and abs(found.bias or 0.0) < _STRICT_BIAS and found.flagged == 0


def measure(case: Case, effort: str, seed: int = 0) -> Measured:
    """Analyse a case at an effort; an analysis that raises an error is a result too."""
    began = time.perf_counter()
    refused = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GapkitWarning)
            try:
                result = gapkit.analyze(case.model, case.x, effort=effort, seed=seed)
            except InputError as error:
                refused = " ".join(str(error).split())
                result = gapkit.analyze(case.model, case.x, effort=effort, seed=seed, allow=tuple(CHECKS))
    except Exception as error:  # whatever ends an analysis, the other cases are measured
        words = " ".join(str(error).split())
        return Measured(len(case.x), refused=refused, error=f"{type(error).__name__}: {words}"[:200])
    return replace(_held(case, result, time.perf_counter() - began), refused=refused[:200])


def _held(case: Case, result: gapkit.Result, seconds: float) -> Measured:
    frame, decision = result.to_frame(), result.decision()
    truth, ok = case.exact.numpy(), (frame["status"] == "ok").to_numpy()
    error = frame["log_px"].to_numpy(float) - truth
    off = ~(np.abs(error) <= OFF)  # so that one that is not finite is off
    known = np.isfinite(error)
    star = None
    if case.elbo_star is not None:
        star = _number((frame["elbo_star"].to_numpy(float) - case.elbo_star.numpy()).mean())
    work: dict[str, Any] = result.run.get("decoder_evaluations", {})
    nowhere = not known.any()
    return Measured(
        datapoints=len(error),
        bias=None if nowhere else _number(error[known].mean()),
        rmse=None if nowhere else _number(np.sqrt(np.square(error[known]).mean())),
        worst=None if nowhere else _number(error[known][np.abs(error[known]).argmax()]),
        z_rms=None if nowhere else _number(_z_rms(error, frame["log_px_se"].to_numpy(float), truth, case.x.dtype)),
        flagged=float((~ok).mean()),
        missed=float((off & ok).mean()),
        star=star,
        gradients=_number(work.get("gradient_equivalents", math.nan) / len(error)),
        seconds=seconds,
        action=decision.action,
        why=decision.why,
        contradicted=_contradicted(case, result),
    )


def _contradicted(case: Case, result: gapkit.Result) -> bool:
    """Whether the advice is one that the truth speaks against."""
    decision = result.decision()
    if decision.action != "model":
        return case.fault is not None and decision.action not in ("unknown", case.fault)
    if decision.why == "collapsed":
        return case.fault != "model"
    # A simple model is said to be better: it must be better than the model really is.
    found = known(result.summary_values.first.baselines)
    simple = {part.name: part.log_px.mean for part in found.models} if found else {}
    shown = simple.get(decision.baseline)
    return decision.why != "barely" and shown is not None and float(case.exact.mean()) > shown


def _z_rms(error: np.ndarray, claimed: np.ndarray, truth: np.ndarray, dtype: torch.dtype) -> float:
    """Errors no larger than the last digits of log p(x) count as none: a claimed error of zero can be right."""
    digits = 8 * torch.finfo(dtype).eps * np.maximum(np.abs(truth), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(np.abs(error) <= digits, 0.0, error / claimed)
    return float(np.sqrt(np.square(z).mean()))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
