"""Certify AIS on a model by bidirectional Monte Carlo (BDMC) on data simulated from the model itself.

On real data log p(x) is unknown. A simulated datapoint comes with an exact posterior draw, from which reverse AIS gives
an upper bound on log p(x) beside the lower bound of AIS, with the same settings as in an analysis. A small sandwich
says that AIS with these settings and starts can be trusted on this decoder, for data like the model's own.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from gapkit.core.errors import InputError
from gapkit.core.following import followed
from gapkit.core.randomness import Key
from gapkit.core.trees import Tree
from gapkit.doctor import checked_device, examine, moved_to, told
from gapkit.engine import stages
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.explore import LOOKED, explore
from gapkit.engine.inputs import conditions
from gapkit.engine.misses import misses
from gapkit.engine.progress import Progress
from gapkit.engine.simulated import drawn_from, simulated
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.engine.units import plan_units
from gapkit.estimators import Bdmc
from gapkit.families import Mixture
from gapkit.local import Bank
from gapkit.models.conditions import require_condition
from gapkit.models.coordinates import in_real_coordinates
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.results.records import CertificateSummary, SandwichMean
from gapkit.results.summary import summarise_values
from gapkit.results.summary_frame import summary_frame
from gapkit.results.verdict import certificate_sentence
from gapkit.results.with_errors import WithErrors
from gapkit.target import Target

__all__ = ["BdmcCertificate", "certify", "sandwiches"]


@dataclass(frozen=True)
class BdmcCertificate:
    """The bounds that bidirectional Monte Carlo (BDMC) found.

    Attributes:
        datapoints: one row per simulated datapoint: ``lower``, ``upper``, ``gap`` in nats and acceptance rates.
        summary_values: the means of the bounds and of the gap between them, which also bounds the Jeffreys divergence
            between the posterior and the ends of the chains.
        settings: what was run.
    """

    datapoints: pd.DataFrame
    summary_values: CertificateSummary
    settings: Mapping[str, Any]

    def sentence(self) -> str:
        """The outcome in words."""
        return certificate_sentence(self.summary_values)

    @property
    def summary(self) -> WithErrors:
        """``lower``, ``upper`` and ``gap`` in nats, with their errors and 95% intervals, a row for each ``quantity``.

        Columns are those of :attr:`gapkit.results.Result.summary`, and ``left_out``; printed, the error over datapoints
        stands beside the mean.
        """
        return summary_frame(vars(self.summary_values), further=("left_out",))

    @property
    def table(self) -> WithErrors:
        """A copy of the table that is printed as ``value ± error``, in nats."""
        return WithErrors(self.datapoints)

    def to_frame(self) -> pd.DataFrame:
        """A plain copy of the same table."""
        return self.datapoints.copy()


def certify(
    model: LatentModel,
    spec: AnalysisSpec | None = None,
    *,
    num_datapoints: int = 100,
    effort: str | None = None,
    seed: int | None = None,
    device: torch.device | str = "cpu",
    allow: Sequence[str] = (),
    condition: Tree = None,
    progress: Callable[[Progress], None] | bool | None = None,
) -> BdmcCertificate:
    """Simulate data from the model and bracket their log p(x) with AIS and reverse AIS (BDMC).

    The start of the chains is the mixture of fitted modes, as in an analysis with the same settings.

    Args:
        model: an object of the model contract.
        spec: all settings; None takes those of ``effort`` with ``seed``, which a spec has already.
        num_datapoints: how many datapoints to simulate.
        effort: ``quick``, ``standard`` (the default) or ``thorough``.
        seed: of all random numbers; 0 by default.
        device: where to compute.
        allow: names of checks (``gapkit.doctor.CHECKS``) whose failing is known and does not stop the work.
        condition: of a conditional model: conditions to simulate with, a row each, spread over the datapoints.
        progress: called after every stage; True shows a bar, as ``gapkit.progress_bar()`` does.

    Raises:
        InputError: fewer than two datapoints, ``spec`` together with ``effort`` or ``seed``, a model that cannot be
            analysed, a check of its wiring that fails and is not in ``allow``, or a pair that does not know its latent
            shape yet (pass ``latent_shape=`` to ``from_pair``).

    Example:
        >>> from gapkit.models.reference import build
        >>> certificate = certify(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), num_datapoints=10)
        >>> bool(abs(certificate.summary.loc["gap", "mean"]) < 0.1)
        True
    """
    if num_datapoints < 2:
        raise InputError(f"{num_datapoints} simulated datapoints", "an interval needs at least 2", "ask for 50 or more")
    spec = resolve(spec, effort, seed)
    device, began = checked_device(device), time.time()
    if condition is None:
        require_condition(model, "give conditions to simulate with: condition=, or --data DATA --condition NAME")
    with followed(progress) as show, frozen(model), moved_to(model, device):
        points, _ = drawn_from(model, num_datapoints, spec.seed, conditions(model, condition, device), device)
        model = in_real_coordinates(model, points[:1].inputs, points[:1].condition, strict=True)
        told(examine(model, points, allow=allow, target_se=spec.evidence.target_se))
        like = stages.like_of(model, points)
        bank = build_shared_bank(like, {"simulated": points}, None, spec)
        widened = misses(like, bank, spec).widen
        found = sandwiches(like, bank, spec, num_datapoints, show, widened=widened)
    settings = {**spec.to_dict(), "num_datapoints": num_datapoints, "seconds": time.time() - began}
    return BdmcCertificate(found.datapoints, found.summary_values, settings)


def sandwiches(
    like: Target,
    bank: Bank | None,
    spec: AnalysisSpec,
    num_datapoints: int,
    progress: Callable[[Progress], None] | None = None,
    *,
    widened: bool = False,
) -> BdmcCertificate:
    """Certify with a bank of starts at hand; ``like`` is any target of the model, which is frozen and in its place."""
    points, latents = simulated(like, num_datapoints, spec.seed)
    # Chains begin at the mixture of modes, for which the Gaussian fits are enough.
    spec = replace(spec, families=("mean_field",))
    units = plan_units(num_datapoints, spec.unit_size)
    rows = []
    for number, unit in enumerate(units, 1):
        indices = list(unit.indices)
        batch = stages.make_batch(like, points[indices], Key(spec.seed, unit.indices))
        proposal = _proposal(batch, bank, spec, widened)
        sandwich = Bdmc(ais=spec.evidence.ais).on(batch.target, proposal, latents[indices], batch.key)
        table = {
            "index": indices,
            "lower": sandwich.lower.value.tolist(),
            "lower_se": sandwich.lower.std_error.tolist(),
            "upper": sandwich.upper.value.tolist(),
            "upper_se": sandwich.upper.std_error.tolist(),
            "gap": sandwich.gap.tolist(),
            "acceptance_forward": sandwich.lower.diagnostics["acceptance"].tolist(),
            "acceptance_backward": sandwich.upper.diagnostics["acceptance"].tolist(),
        }
        rows.append(pd.DataFrame(table).head(unit.size))
        if progress:
            progress(Progress(number, len(units), "sandwich"))
    frame = pd.concat(rows, ignore_index=True)
    frame["gap_se"] = (frame["lower_se"] ** 2 + frame["upper_se"] ** 2) ** 0.5
    # Both means over the same datapoints: a run that failed on one side must not make the sandwich look better.
    used = frame[["lower", "upper"]].where(np.isfinite(frame["gap"]), axis=0).assign(gap=frame["gap"])
    lower, upper, gap = (
        summarise_values(used[name].to_numpy(float), frame[f"{name}_se"].to_numpy(float))
        for name in ("lower", "upper", "gap")
    )
    gaps = used["gap"].to_numpy(float)
    median = float(np.nanmedian(gaps)) if np.isfinite(gaps).any() else None
    return BdmcCertificate(frame, CertificateSummary(lower, upper, SandwichMean(**vars(gap), median=median)), {})


def _proposal(batch: stages.Batch, bank: Bank | None, spec: AnalysisSpec, widened: bool) -> Mixture:
    """The start of the chains: the mixture of modes, as an analysis finds them."""
    fitted = stages.fits(batch, bank, spec)
    if not widened:
        return fitted.mixture
    top = stages.evidence(batch, fitted, spec)
    explored = explore(batch, bank, fitted, top, spec, torch.full_like(top.reason, LOOKED.index("all")))
    return explored.again[0].fitted.mixture if explored.again else fitted.mixture
