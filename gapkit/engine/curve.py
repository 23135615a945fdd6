"""Which datapoints the curve of local steps is made on, and its summary in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.units import Unit
from gapkit.local import NUM_SAMPLES, steps_refusal
from gapkit.results.records import Families, LocalSteps, Skipped
from gapkit.results.step_gains import summarise_curve

__all__ = ["CurvePlan", "plan_curve"]


@dataclass(frozen=True)
class CurvePlan:
    """The first datapoints of one split.

    Attributes:
        split: its name.
        size: how many datapoints; 0 makes no curve.
        family: the encoder's.
        skipped: why there is no curve although one was asked for.
    """

    split: str
    size: int
    family: str
    skipped: str = ""

    def wants(self, split: str, unit: Unit) -> bool:
        """Whether the unit holds any of these datapoints. It is computed whole, in the shape that all units have."""
        return split == self.split and unit.indices[0] < self.size

    def summary(self, tables: Sequence[pd.DataFrame], failed: str = "") -> LocalSteps | Skipped | None:
        """The summary over the datapoints asked for, from the units that hold them; None if none were asked for.

        Args:
            tables: of these units; datapoints of those that have none are not in the curve, whose count says so.
            failed: why there is no table at all.
        """
        if self.skipped or failed:
            return Skipped(self.skipped or failed)
        if not tables:
            return Skipped("none of its datapoints was analysed") if self.size else None
        table = pd.concat(tables, ignore_index=True)
        # A padded unit repeats its last datapoint.
        table = table[table["index"] < self.size].drop_duplicates(["index", "steps"])
        found = summarise_curve(table, self.split, self.family, NUM_SAMPLES)
        return replace(found, left_out=found.left_out + self.size - table["index"].nunique())


def plan_curve(spec: AnalysisSpec, split: str, num_datapoints: int, families: Families) -> CurvePlan:
    """Plan the curve that the settings ask for, on a split of so many datapoints.

    Args:
        spec: the settings.
        split: name of the first split.
        num_datapoints: how many it has.
        families: the encoder's, and those that are fitted.
    """
    own, skipped = families.encoder, ""
    if spec.semi_amortized:
        skipped = steps_refusal(own)
        if not skipped and own not in families.fitted:
            skipped = f"no q* of the encoder's family, {own!r}, is fitted to compare with"
    size = 0 if skipped else min(spec.semi_amortized, num_datapoints)
    return CurvePlan(split, size, own, skipped)
