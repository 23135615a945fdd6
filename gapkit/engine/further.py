"""What the summary of a split holds beside its table: the use of the latents, and the bound against draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapkit.engine.latents import Marginals, latent_health, latent_use, marginals
from gapkit.engine.plan import Unit
from gapkit.engine.skipped import reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import Batch, Bounds
from gapkit.families.gaussian import Affine
from gapkit.iwae_curve import GroupedBounds, summarise_iwae_curve
from gapkit.local import LocalFits
from gapkit.models.target import Target

__all__ = ["Further"]


@dataclass
class Further:
    """Collects from the units of a split, in whichever order they come, what its summary needs.

    Attributes:
        grouped: bounds by the number of the unit.
        kept: the encoder's posteriors by the number of the unit.
        kept_star: the fitted ones, of the family of the split where that is Gaussian, else factorised ones.
    """

    grouped: dict[int, GroupedBounds] = field(default_factory=dict)
    kept: dict[int, Marginals | None] = field(default_factory=dict)
    kept_star: dict[int, Marginals | None] = field(default_factory=dict)

    def see(self, unit: Unit, batch: Batch, found: Bounds, fitted: LocalFits) -> None:
        """Look at a unit."""
        self.grouped[unit.number] = found.grouped.head(unit.size)
        self.kept[unit.number] = marginals(batch.q, unit)
        star = fitted.family(fitted.own).q
        gaussian = isinstance(star, Affine)
        self.kept_star[unit.number] = marginals(star if gaussian else fitted.mean_field.q, unit)

    def summary(self, frame: pd.DataFrame, like: Target, spec: AnalysisSpec, seed: int) -> Mapping[str, Any]:
        """``latents``, ``latents_star`` (of q*) and ``iwae_curve`` of a split, from its whole table and seed."""
        bounds = GroupedBounds.joined([self.grouped[number] for number in sorted(self.grouped)])
        left_se = np.hypot(frame["log_px_se"].to_numpy(float), frame["iwae_se"].to_numpy(float))
        log_px = frame["log_px"].to_numpy(float)
        try:
            latents = latent_health(self.kept, like, seed)
        except Exception as error:  # whatever a model's prior does, the table stands
            latents = {"skipped": reason(error)}
        curve = summarise_iwae_curve(bounds, spec.iwae.num_samples, log_px, left_se)
        return {"latents": latents, "latents_star": latent_use(self.kept_star), "iwae_curve": curve}
