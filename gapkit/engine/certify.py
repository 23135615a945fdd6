"""Certify AIS on a model: bounds on both sides of log p(x) for data simulated from the model itself.

On real data the truth is unknown; on simulated data an exact posterior draw is at hand, and bidirectional Monte Carlo
brackets the truth with the very settings that an analysis uses. A small sandwich says that AIS with these settings and
starts can be trusted on this decoder, for data like the model's own.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.doctor import checked_device, examine, moved_to, prepare, told
from gapkit.engine import stages
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.explore import LOOKED, explore
from gapkit.engine.misses import misses
from gapkit.engine.plan import plan_units
from gapkit.engine.progress import Progress
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.estimators import Bdmc
from gapkit.families import Mixture
from gapkit.local import Bank
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.results.summary import summarise_values
from gapkit.results.verdict import certificate_sentence
from gapkit.target import Target
from gapkit.target.simulate import simulate

__all__ = ["Certificate", "certify", "sandwiches"]


@dataclass(frozen=True)
class Certificate:
    """What bidirectional Monte Carlo found.

    Attributes:
        datapoints: one row per simulated datapoint: ``lower``, ``upper``, ``gap`` in nats and acceptance rates.
        summary: mean, error over datapoints and 95% interval of ``lower``, ``upper`` and ``gap``, and the median of
            ``gap``, which a few noisy datapoints hardly move; the mean gap also bounds the Jeffreys divergence between
            the posterior and the ends of the chains.
        settings: what was run.
    """

    datapoints: pd.DataFrame
    summary: Mapping[str, Any]
    settings: Mapping[str, Any]

    def sentence(self) -> str:
        """The outcome in words."""
        return certificate_sentence(self.summary)


def certify(
    model: LatentModel,
    spec: AnalysisSpec | None = None,
    *,
    num_datapoints: int = 100,
    effort: str | None = None,
    seed: int | None = None,
    device: torch.device | str = "cpu",
    allow: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> Certificate:
    """Simulate data from the model and bracket their log p(x) with forward and backward AIS.

    The start of the chains is the mixture of fitted modes, as in an analysis with the same settings.

    Args:
        model: an object of the model contract.
        spec: all settings; None takes those of ``effort`` with ``seed``, which a spec has already.
        num_datapoints: how many datapoints to simulate.
        effort: ``quick``, ``standard`` (the default) or ``thorough``.
        seed: of all random numbers; 0 by default.
        device: where to compute.
        allow: names of checks (``gapkit.doctor.CHECKS``) whose failing is known and does not stop the work.
        progress: called after every stage.

    Raises:
        InputError: fewer than two datapoints, ``spec`` together with ``effort`` or ``seed``, a model that cannot be
            analysed, a check of its wiring that fails and is not in ``allow``, or a pair that does not know its latent
            shape yet (pass ``latent_shape=`` to ``from_pair``).

    Example:
        >>> from gapkit.models.reference import build
        >>> certificate = certify(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), num_datapoints=10)
        >>> abs(certificate.summary["gap"]["mean"]) < 0.1
        True
    """
    if num_datapoints < 2:
        raise InputError(f"{num_datapoints} simulated datapoints", "an interval needs at least 2", "ask for 50 or more")
    spec = resolve(spec, effort, seed)
    device, began = checked_device(device), time.time()
    with frozen(model), moved_to(model, device):
        x = _simulated(model, num_datapoints, spec, device)[0]
        told(examine(model, x, allow=allow, target_se=spec.evidence.target_se))
        like = Target(model, x[:1])
        bank = build_shared_bank(like, {"simulated": x}, None, spec)
        widened = bool(misses(like, bank, spec)["widen"])
        found = sandwiches(like, bank, spec, num_datapoints, progress, widened=widened)
    settings = {**spec.to_dict(), "num_datapoints": num_datapoints, "seconds": time.time() - began}
    return Certificate(found.datapoints, found.summary, settings)


def sandwiches(
    like: Target,
    bank: Bank | None,
    spec: AnalysisSpec,
    num_datapoints: int,
    progress: Callable[[Progress], None] | None = None,
    *,
    widened: bool = False,
) -> Certificate:
    """Certify with a bank of starts at hand; ``like`` is any target of the model, which is frozen and in its place."""
    x, latents = _simulated(like.model, num_datapoints, spec, like.device)
    # Chains begin at the mixture of modes, for which the Gaussian fits are enough.
    spec = replace(spec, families=("mean_field",))
    units = plan_units(num_datapoints, spec.unit_size)
    rows = []
    for number, unit in enumerate(units, 1):
        indices = list(unit.indices)
        batch = stages.make_batch(like, x[indices], Key(spec.seed, unit.indices))
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
    summary = {
        name: summarise_values(used[name].to_numpy(float), frame[f"{name}_se"].to_numpy(float))
        for name in ("lower", "upper", "gap")
    }
    gaps = used["gap"].to_numpy(float)
    summary["gap"]["median"] = float(np.nanmedian(gaps)) if np.isfinite(gaps).any() else None
    return Certificate(frame, summary, {})


def _proposal(batch: stages.Batch, bank: Bank | None, spec: AnalysisSpec, widened: bool) -> Mixture:
    """The start of the chains: the mixture of modes, as an analysis finds them."""
    fitted = stages.fits(batch, bank, spec)
    if not widened:
        return fitted.mixture
    top = stages.evidence(batch, fitted, spec)
    explored = explore(batch, bank, fitted, top, spec, torch.full_like(top.reason, LOOKED.index("all")))
    return explored.again[0].fitted.mixture if explored.again else fitted.mixture


def _simulated(
    model: LatentModel, count: int, spec: AnalysisSpec, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Data from the model in the form it wants, and the latents behind them."""
    drawn, latents = simulate(model, count, spec.seed)
    return prepare(model, drawn, device), latents
