"""Cut the datapoints into work units of a fixed shape."""

from dataclasses import dataclass

__all__ = ["Unit", "halves", "plan_units"]


@dataclass(frozen=True)
class Unit:
    """A fixed slice of the datapoints, decided by the settings alone.

    Attributes:
        number: position in the plan.
        indices: the datapoints, padded to the unit size by repeating the last one.
        size: how many of them are real.
    """

    number: int
    indices: tuple[int, ...]
    size: int

    @property
    def begins(self) -> bool:
        """Whether it holds the first datapoint."""
        return self.indices[0] == 0

    @property
    def first(self) -> int:
        """Index of its first datapoint."""
        return self.indices[0]

    @property
    def last(self) -> int:
        """Index of its last datapoint."""
        return self.indices[self.size - 1]


def plan_units(num_datapoints: int, unit_size: int) -> tuple[Unit, ...]:
    """Return the units of a run. Every unit has the same shape, so that matrix products round the same way.

    Fewer datapoints than a unit holds make one unit of their own size.

    Example:
        >>> [unit.indices for unit in plan_units(5, 3)]
        [(0, 1, 2), (3, 4, 4)]
    """
    units, unit_size = [], min(unit_size, num_datapoints)
    for number, start in enumerate(range(0, num_datapoints, unit_size)):
        real = tuple(range(start, min(start + unit_size, num_datapoints)))
        units.append(Unit(number, real + (real[-1],) * (unit_size - len(real)), len(real)))
    return tuple(units)


def halves(unit: Unit) -> tuple[Unit, ...]:
    """The two halves of a unit, without what fills it; none of a single datapoint.

    Example:
        >>> [half.indices for half in halves(Unit(1, (3, 4, 5, 5), 3))]
        [(3, 4), (5,)]
    """
    if unit.size < 2:
        return ()
    real, middle = unit.indices[: unit.size], (unit.size + 1) // 2
    return tuple(Unit(unit.number, part, len(part)) for part in (real[:middle], real[middle:]))
