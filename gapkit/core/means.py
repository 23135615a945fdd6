"""Means over datapoints with their errors, as values: what summaries are made of and words are written from."""

from dataclasses import dataclass, field
from typing import Any

from gapkit.core.records import Record

__all__ = ["Interval", "Mean", "Uncertain"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class Uncertain(Record):
    """A number over datapoints and how sure it is, in nats unless it is a share.

    Attributes:
        mean: None where no datapoint is finite.
        se_monte_carlo: its error from sampling noise and from optima that were not reached; None if unknown.
        se_datapoints: its error over datapoints, which includes the noise; None for fewer than 2.
        ci95: its 95% interval over datapoints; None for fewer than 10.
    """

    mean: float | None
    se_monte_carlo: float | None
    se_datapoints: float | None
    ci95: Interval | None

    @property
    def value(self) -> float:
        """The mean, for those who have seen that there is one."""
        assert self.mean is not None, "no datapoint has a finite value"
        return self.mean

    @property
    def interval(self) -> Interval:
        """The 95% interval, for those who have seen that there is one."""
        assert self.ci95 is not None, "too few datapoints for an interval"
        return self.ci95

    @property
    def error(self) -> float | None:
        """The standard error to tell beside the mean: over datapoints; for a single one, the Monte Carlo error."""
        return self.se_monte_carlo if self.se_datapoints is None else self.se_datapoints

    @property
    def extent(self) -> Interval | None:
        """From the smallest to the largest value, where that is known."""
        return None


@dataclass(frozen=True)
class Mean(Uncertain):
    """The mean of a quantity over datapoints, in nats unless it is a share.

    Attributes:
        range: the smallest and the largest value; None where no datapoint is finite.
        count: how many datapoints it is over.
        left_out: how many others have no finite value.
        left_to_gain: what the fits may have left of it, two errors included; None where no fit enters.
        se_total: the error over datapoints and that together; None where no fit enters, or for fewer than 2.

    Example:
        >>> elbo = Mean(-90.5, 0.1, 0.5, (-91.5, -89.5), (-99.0, -80.0), 40, 0)
        >>> elbo.error, elbo.value, elbo.to_dict()["ci95"]
        (0.5, -90.5, [-91.5, -89.5])
    """

    range: Interval | None
    count: int
    left_out: int
    left_to_gain: float | None = field(default=None, kw_only=True)
    se_total: float | None = field(default=None, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; ``left_to_gain`` and ``se_total`` where fits enter."""
        plain = super().to_dict()
        if self.left_to_gain is not None:
            plain["se_total"] = self.se_total
        return plain

    @property
    def error(self) -> float | None:
        """With what the fits may have left, which does not average out over datapoints."""
        return super().error if self.se_total is None else self.se_total

    @property
    def interval_with_fits(self) -> Interval | None:
        """The 95% interval, wider at both ends by what the fits may have left: what stands beside :attr:`error`.

        Example:
            >>> found = Mean(0.15, 0.01, 0.25, (-0.25, 0.5), None, 200, 0, se_total=0.5)
            >>> found.interval_with_fits
            (-0.5, 0.75)
        """
        if self.ci95 is None or self.se_total is None or self.se_datapoints is None:
            return self.ci95
        left = self.se_total - self.se_datapoints
        return (self.ci95[0] - left, self.ci95[1] + left)

    @property
    def extent(self) -> Interval | None:
        """From the smallest to the largest value."""
        return self.range
