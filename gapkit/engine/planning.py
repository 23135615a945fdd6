"""What an analysis will take, measured on a few datapoints before it begins."""

import math
import sys
import time
from dataclasses import dataclass, field

from gapkit.engine.begin import begun
from gapkit.engine.given import Given
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.unit import run_unit
from gapkit.engine.units import Unit
from gapkit.models.protocol import LatentModel

__all__ = ["Plan", "plan"]

_FIRST = 4  # datapoints of the first probe


@dataclass(frozen=True)
class Plan:
    """What an analysis will take, about.

    Attributes:
        datapoints: of all splits.
        units: that they are cut into.
        unit_size: datapoints of a unit.
        shared: seconds before and after the units, whatever their number: starts, the search on simulated data, the
            certificate, pictures.
        per_unit: seconds of a unit in one process.
        memory: bytes of a process, at most; NaN where the system does not tell.
        probed: datapoints and seconds of each probe.
    """

    datapoints: int
    units: int
    unit_size: int
    shared: float
    per_unit: float
    memory: float
    probed: tuple[tuple[int, float], ...] = field(default_factory=tuple)

    def seconds(self, workers: int = 1) -> float:
        """Of the whole run, with so many processes on cores of their own.

        Example:
            >>> plan = Plan(1000, 5, 200, shared=2.0, per_unit=4.0, memory=1e9)
            >>> plan.seconds(), plan.seconds(2), plan.seconds(100)
            (22.0, 14.0, 6.0)
        """
        return self.shared + math.ceil(self.units / workers) * self.per_unit


def plan(model: LatentModel, given: Given, spec: AnalysisSpec, seconds: float = 10.0) -> Plan:
    """Run the stages on more and more datapoints until the time is spent, and extend the line through the last two.

    A unit costs a fixed part and a part for each of its datapoints, and its last one is filled to the same size.

    Args:
        model: an object of the model contract.
        given: data and all else of the analysis.
        spec: settings.
        seconds: for the probes; the last one may take longer than what is left.

    Returns:
        Seconds and memory. Where a search that misses modes is widened for all, it takes up to three times as long.

    Raises:
        InputError: model, data, labels, encoders or bounds cannot be analysed together.
    """
    began = time.perf_counter()
    with begun(model, given, spec) as run:
        shared = time.perf_counter() - began
        split, whole = run.units[0]
        size, probed, memory = min(_FIRST, len(whole.indices)), list[tuple[int, float]](), list[float]()
        while True:
            part = Unit(whole.number, whole.indices[:size], size)
            start = time.perf_counter()
            run_unit(run.work, split, part)
            probed.append((size, time.perf_counter() - start))
            memory.append(_peak())
            spent = sum(took for _, took in probed)
            if size == len(whole.indices) or spent + 2 * probed[-1][1] > seconds:
                break
            size = min(2 * size, len(whole.indices))
    unit_size = len(whole.indices)
    per_unit = _along(probed, unit_size)
    needs = _along([(size, used) for (size, _), used in zip(probed, memory, strict=True)], unit_size)
    # AIS there and back costs about what fits and evidence of as many datapoints do.
    shared += spec.certificate / unit_size * per_unit
    count = sum(len(x) for x in run.work.data.values())
    return Plan(count, len(run.units), unit_size, shared, per_unit, needs, tuple(probed))


def _along(points: list[tuple[int, float]], size: int) -> float:
    """The value at a size on the line through the last two points, not below the last one."""
    if len(points) < 2:
        return points[-1][1] * size / points[-1][0]
    (first, low), (second, high) = points[-2:]
    return high + max(high - low, 0.0) / (second - first) * (size - second)


def _peak() -> float:
    """Bytes that this process has held at most."""
    try:
        import resource
    except ImportError:  # not on Windows
        return math.nan
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(used if sys.platform == "darwin" else 1024 * used)
