"""What an inference function sees of the data: x_n alone, or x_n and some of its neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """Places beside n whose x an inference function f(x_{n + offset}, ...) is given.

    Datapoints whose window leaves the data have factors of their own, as have as many more as are named at both ends:
    no function of the window could know that they are at the edge (Margossian, Blei (2024), remark 3.7).

    Attributes:
        offsets: places relative to n, such as (-1, 0).
        first: how many datapoints at the beginning have factors of their own, at least.
        last: how many at the end.

    Raises:
        InputError: no offset, or one that comes twice.

    Example:
        >>> Window.around(1).gather(torch.arange(5.0)[:, None]).tolist()
        [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
        >>> str(Window.around(1)), str(Window((-1, 0)))
        ('x[n-1..n+1]', 'x[n-1..n]')
    """

    offsets: tuple[int, ...] = (0,)
    first: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        if not self.offsets or len({*self.offsets}) < len(self.offsets):
            raise InputError(f"a window of offsets {self.offsets}", "none, or one that comes twice", "name each once")

    @staticmethod
    def around(half_width: int) -> "Window":
        """From ``half_width`` places before n to as many behind it."""
        return Window(tuple(range(-half_width, half_width + 1)))

    @property
    def ends(self) -> tuple[int, int]:
        """How many datapoints at the beginning and at the end have factors of their own."""
        return max(self.first, -min(self.offsets), 0), max(self.last, *self.offsets, 0)

    def rows(self, count: int) -> Tensor:
        """Which of N datapoints the function serves, shape (M,).

        Raises:
            InputError: none of them.
        """
        first, last = self.ends
        if first + last >= count:
            found = f"{count} datapoints, of which {first} and {last} at the ends have no whole window"
            raise InputError(f"an inference function of {self}", found, "take a smaller window, or more datapoints")
        return torch.arange(first, count - last)

    def gather(self, x: Tensor) -> Tensor:
        """The inputs of the function: (N, ...) to (M, number of offsets times numbers of a datapoint)."""
        rows, flat = self.rows(len(x)), x.reshape(len(x), -1)
        return torch.cat([flat[rows + offset] for offset in self.offsets], 1)

    def __str__(self) -> str:
        places = sorted(self.offsets)
        names = ["x[n]" if place == 0 else f"x[n{place:+d}]" for place in places]
        if len(places) > 1 and places == [*range(places[0], places[-1] + 1)]:
            low, high = (name[2:-1] for name in (names[0], names[-1]))
            return f"x[{low}..{high}]"
        return ", ".join(names)
