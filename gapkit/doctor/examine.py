"""All checks of a model and data, in order, on a few datapoints and before any work."""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.datapoints import Loaded
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.findings import Finding
from gapkit.core.randomness import seeded
from gapkit.doctor import data, gradient, mass, numbers, readings, repeat
from gapkit.doctor.findings import check_allowed, settled
from gapkit.doctor.probe import Probe, innermost, probe
from gapkit.inputs.traces import place_of
from gapkit.models.distributions import CrossEntropy
from gapkit.models.protocol import LatentModel

__all__ = ["ASKED", "CHECKS", "ENCODER_CHECKS", "Examination", "Looked", "examine", "look", "told"]

_Check = Callable[[Probe], Finding | None]

# Later checks take for granted what earlier ones have seen.
_CHECKS: dict[str, _Check] = {
    "random": repeat.random,
    "neighbours": repeat.neighbours,
    "input_changed": repeat.input_changed,
    "encoder": numbers.encoder,
    "parameters": numbers.parameters,
    "density": numbers.density,
    "support": numbers.support,
    "finite": numbers.finite,
    "mass": mass.mass,
    "gradient": gradient.gradient,
    "outputs": readings.outputs,
    "scale": readings.scale,
    "range": data.ranges,
    "sigma": data.sigma,
    "chance": data.chance,
}
CHECKS = (*_CHECKS, "resolution", "encoder_input")
# What is asked for by each, for the list of those that found nothing.
ASKED = {
    "random": "the same numbers when it is called again",
    "neighbours": "numbers of a datapoint that do not depend on the others in its batch",
    "input_changed": "inputs that are left as they are",
    "encoder": "q(z|x) with finite locations and positive scales",
    "parameters": "scales, rates and probabilities such as their distributions take",
    "density": "a density of q(z|x) that can be evaluated anywhere",
    "support": "mass of q(z|x) only where p(z) has some",
    "finite": "finite log p(x|z) at draws of q(z|x)",
    "mass": "p(x|z) that is a density of x, with no factor in its logarithm",
    "gradient": "gradients of log p(x, z) that agree with its values",
    "outputs": "outputs of encode and decode read as what they are (log-variances, logits)",
    "scale": "scales of q(z|x) of the right size",
    "range": "data on the scale of the reconstructions",
    "sigma": "a noise scale of p(x|z) as large as the residuals",
    "chance": "reconstructions better than chance",
    "resolution": "digits enough in the model's own type",
    "encoder_input": "the encoder's input as in training",
}
ENCODER_CHECKS = ("random", "neighbours", "encoder", "parameters", "support", "scale")


@dataclass(frozen=True)
class Examination:
    """What the checks found.

    Attributes:
        findings: in the order of the checks.
        seconds: how long they took.
        weight: what stands for p(x|z) where that is no density of x: ``cross_entropy``; None elsewhere.
        seconds_per_gradient: of log p(x, z), for one datapoint and latent among many; NaN where there is none.
    """

    findings: tuple[Finding, ...]
    seconds: float
    weight: str | None = None
    seconds_per_gradient: float = math.nan

    def to_dict(self) -> dict[str, object]:
        """Plain values, for ``run.json``."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "seconds": self.seconds,
            "seconds_per_gradient": self.seconds_per_gradient,
        }


@dataclass(frozen=True)
class Looked:
    """What the checks found, whatever it is.

    Attributes:
        findings: of every check that was made, by name, in their order; None where all is well.
        weight: see :class:`Examination`.
        pace: seconds per gradient.
    """

    findings: Mapping[str, Finding | None]
    weight: str | None
    pace: float


def look(
    model: LatentModel,
    points: Loaded,
    *,
    other_inputs: Tensor | None = None,
    only: Sequence[str] = CHECKS,
    target_se: float = 0.1,
    settle: Callable[[Finding], object] | None = None,
) -> Looked:
    """Make the checks, and refuse nothing.

    Args:
        model: see :func:`examine`, as all but the last.
        points: N datapoints.
        other_inputs: another form of them.
        only: names of the checks to make.
        target_se: standard error of log p(x) that will be aimed at, in nats.
        settle: hears of each finding before the next check is made, and may raise; what a check itself raises, because
            the model refuses what it is given, is raised then too. None goes on to the end, whatever is found.
    """
    findings: dict[str, Finding | None] = {}
    checks: dict[str, _Check] = {**_CHECKS, "resolution": lambda known: numbers.resolution(known, target_se)}
    if other_inputs is not None:
        plain = points.plain
        checks["encoder_input"] = lambda known: readings.encoder_input(known, other_inputs[known.rows], plain)
    with seeded(0, "doctor"):  # a decoder that draws must not move the caller's random state
        looked_at = probe(model, points)
        for name, check in checks.items():
            if name not in only:
                continue
            try:
                found = findings[name] = _outcome(name, check, looked_at)
            except InputError as error:
                if settle is not None:
                    raise
                found = findings[name] = Finding(name, "error", error.asked, error.found, error.do)
            if settle is not None and found is not None:
                settle(found)
        weight = "cross_entropy" if isinstance(innermost(looked_at.decoded)[0], CrossEntropy) else None
        return Looked(findings, weight, _pace(looked_at))


def examine(
    model: LatentModel,
    points: Loaded | Tensor,
    *,
    other_inputs: Tensor | None = None,
    allow: Sequence[str] = (),
    only: Sequence[str] = CHECKS,
    target_se: float = 0.1,
) -> Examination:
    """Look for wiring that would make every number wrong, on a few datapoints: under 2 s for an MLP.

    Args:
        model: an object of the model contract, frozen, on the data's device.
        points: N datapoints in the form that the model wants, as :func:`gapkit.doctor.prepare` gives them.
        other_inputs: another form of the data that the encoder may have been trained on, shape (N, ...).
        allow: names of checks (``CHECKS``) that may fail; what they would warn of is a note then.
        only: names of the checks to make.
        target_se: standard error of log p(x) that will be aimed at, in nats.

    Returns:
        Warnings, notes, and errors that were allowed.

    Raises:
        InputError: a check failed whose failing would make the numbers wrong, and it is not allowed.

    Example:
        >>> import torch
        >>> from gapkit.models.freeze import frozen
        >>> from gapkit.models.reference import build
        >>> with frozen(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))) as model:
        ...     examine(model, torch.ones(5, 6)).findings
        ()
    """
    allow = check_allowed(allow, CHECKS)
    began = time.perf_counter()
    findings: list[Finding] = []
    looked = look(
        model,
        Loaded.of(points) if isinstance(points, Tensor) else points,
        other_inputs=other_inputs,
        only=only,
        target_se=target_se,
        settle=lambda finding: findings.extend(settled([finding], allow)),
    )
    return Examination(tuple(findings), time.perf_counter() - began, looked.weight, looked.pace)


def told(examined: Examination, whose: str = "") -> None:
    """Warn of what was found; notes are kept for the report. ``whose`` comes first in every warning."""
    for finding in examined.findings:
        if finding.level != "note":
            warnings.warn(f"{whose}{finding}", GapkitWarning, stacklevel=3)


def _pace(known: Probe) -> float:
    """Seconds for the gradient at one latent, when many are asked for at once."""
    z = torch.cat([known.z, known.prior_z])
    began = time.perf_counter()
    try:
        known.target.log_joint_and_grad(z)
    except Exception:  # of the user's own code; the checks have told of it
        return math.nan
    return (time.perf_counter() - began) / (z.shape[0] * z.shape[1])


def _outcome(name: str, check: _Check, known: Probe) -> Finding | None:
    try:
        return check(known)
    except InputError:
        raise
    except Exception as error:  # a user's code may do anything; a check that cannot be made is no reason to stop
        words = (str(error).strip().splitlines() or [""])[0][:200]
        found = f"not made: {type(error).__name__}: {words}{place_of(error)}"
        return Finding(name, "note", f"the check {name!r}", found, "look at decode and encode for unusual inputs")
