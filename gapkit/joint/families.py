"""Where the factors q(z_n) come from: one for all, a function of a window of the data, or one for each.

Each family is a description; :meth:`Family.build` makes the module whose weights a fit moves. All of them give
:class:`gapkit.joint.Factors`, so that what fits, judges and compares them knows none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.joint.model import Factors, HierarchicalModel
from gapkit.joint.windows import Window

__all__ = ["Constant", "Factorized", "Family", "Mlp", "Own", "Polynomial", "Q"]

_HERE = Window()  # x[n] alone
_THETA, _LOCAL = -1.0, -0.3  # log standard deviations to begin with


class Q(nn.Module):
    """A family's members: called with data of shape (N, ...), it gives factors.

    Args:
        model: for its sizes.
        count: N.
        function: inputs (M, F) to means and log standard deviations of M datapoints, shape (M, 2 D); None for factors
            of their own everywhere.
        window: what it sees.
    """

    rows: Tensor
    own: Tensor

    def __init__(self, model: HierarchicalModel, count: int, function: nn.Module | None, window: Window) -> None:
        super().__init__()
        size, each = model.global_size, model.local_size
        self.window, self.function = window, function
        self.each = each
        self.theta = nn.Parameter(model.begin())
        self.log_theta = nn.Parameter(torch.full((size,), _THETA, dtype=torch.float64))
        rows = window.rows(count) if function is not None else torch.arange(0)
        own = torch.ones(count, dtype=torch.bool)
        own[rows] = False
        self.register_buffer("rows", rows)
        self.register_buffer("own", own.nonzero()[:, 0])
        self.mean = nn.Parameter(torch.zeros(int(own.sum()), each, dtype=torch.float64))
        self.log_sd = nn.Parameter(torch.full((int(own.sum()), each), _LOCAL, dtype=torch.float64))

    def forward(self, x: Tensor) -> Factors:
        """Factors of all N datapoints."""
        if self.function is None:
            return Factors(self.theta, self.log_theta, self.mean, self.log_sd)
        found = self.function(self.window.gather(x))
        if found.shape != (len(self.rows), 2 * self.each):
            asked = f"means and log standard deviations of shape ({len(self.rows)}, {2 * self.each})"
            raise InputError(asked, f"shape {tuple(found.shape)}", "return 2 D numbers for each row of inputs")
        empty = x.new_zeros(len(x), self.each)
        mean, log_sd = found.split(self.each, 1)
        return Factors(
            self.theta,
            self.log_theta,
            empty.index_put((self.rows,), mean).index_put((self.own,), self.mean),
            empty.index_put((self.rows,), log_sd).index_put((self.own,), self.log_sd),
        )

    def begin_at(self, q: Factors) -> "Q":
        """Take theta, and the factors that are nobody's function, from another q; returns itself."""
        with torch.no_grad():
            self.theta.copy_(q.theta)
            self.log_theta.copy_(q.log_theta)
            self.mean.copy_(q.mean[self.own])
            self.log_sd.copy_(q.log_sd[self.own])
        return self


class Family(Protocol):
    """A description of a family.

    Attributes:
        window: what its function sees.
        label: what tables call it.
    """

    @property
    def window(self) -> Window:
        """What its function sees."""
        ...

    @property
    def label(self) -> str:
        """What tables call it."""
        ...

    def build(self, model: HierarchicalModel, x: Tensor, seed: int = 0) -> Q:
        """A member with weights drawn from ``seed``, for data of shape (N, ...)."""
        ...


@dataclass(frozen=True)
class Factorized:
    """F-VI: a factor of its own for each datapoint."""

    window = _HERE
    label = "factorized (F-VI)"

    def build(self, model: HierarchicalModel, x: Tensor, seed: int = 0) -> Q:
        """Standard starts: means 0; a seed other than 0 draws them."""
        found = Q(model, len(x), None, self.window)
        if seed:
            with torch.no_grad(), seeded(seed, "factorized"):
                found.mean.copy_(2 * torch.randn_like(found.mean))
        return found


class _Powers(nn.Module):
    """The powers 0 to degree of inputs that are brought to mean 0 and sd 1, and weights; one sd for all rows."""

    def __init__(self, inputs: Tensor, degree: int, each: int) -> None:
        super().__init__()
        self.degree = degree
        self.scaled = _Scaled(inputs)
        width = 1 + degree * inputs.shape[1]
        self.weight = nn.Parameter(torch.zeros(width, each, dtype=torch.float64))
        self.log_sd = nn.Parameter(torch.full((each,), _LOCAL, dtype=torch.float64))

    def features(self, inputs: Tensor) -> Tensor:
        """Shape (M, F) to (M, 1 + degree F)."""
        scaled = self.scaled(inputs)
        return torch.cat([torch.ones_like(scaled[:, :1]), *(scaled**power for power in range(1, self.degree + 1))], 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (M, F) to (M, 2 D)."""
        mean = self.features(inputs) @ self.weight
        return torch.cat([mean, self.log_sd.expand(mean.shape)], 1)


class _Scaled(nn.Module):
    """Inputs brought to mean 0 and sd 1 over the data: the class of functions is the same, fits are easier."""

    middle: Tensor
    spread: Tensor

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        spread = inputs.std(0, correction=0)
        self.register_buffer("middle", inputs.mean(0))
        self.register_buffer("spread", torch.where(spread > 1e-12, spread, torch.ones_like(spread)))

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - self.middle) / self.spread


@dataclass(frozen=True)
class Polynomial:
    """Means polynomial in the window's numbers (no products of different ones), one standard deviation for all.

    Attributes:
        degree: 0 for a constant factor.
        window: what it sees.
    """

    degree: int = 1
    window: Window = _HERE

    @property
    def label(self) -> str:
        """Such as ``polynomial of degree 1 in x[n]``."""
        return f"polynomial of degree {self.degree} in {self.window}" if self.degree else "constant"

    def build(self, model: HierarchicalModel, x: Tensor, seed: int = 0) -> Q:
        """Weights begin at 0, whatever the seed."""
        function = _Powers(self.window.gather(x), self.degree, model.local_size)
        return Q(model, len(x), function, self.window)


@dataclass(frozen=True)
class Constant(Polynomial):
    """One factor for all datapoints."""

    degree: int = 0


@dataclass(frozen=True)
class Mlp:
    """A multilayer perceptron beside a linear map: both outputs are functions of the window.

    Attributes:
        width: of each hidden layer.
        window: what it sees.
        layers: hidden ones.
        linear: whether a linear map is added, so that dead units cost no more than their share.
        activation: ``leaky_relu``, ``relu``, ``tanh`` or ``silu``.
    """

    width: int = 16
    window: Window = _HERE
    layers: int = 2
    linear: bool = True
    activation: str = "tanh"

    @property
    def label(self) -> str:
        """Such as ``network of width 16 on x[n]``."""
        return f"network of width {self.width} on {self.window}"

    def build(self, model: HierarchicalModel, x: Tensor, seed: int = 0) -> Q:
        """Weights are drawn from the seed.

        Raises:
            InputError: an unknown activation, or no width.
        """
        kinds: dict[str, Callable[[], nn.Module]]
        kinds = {"leaky_relu": nn.LeakyReLU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}
        if self.activation not in kinds or self.width < 1 or self.layers < 1:
            found = f"width {self.width}, {self.layers} layers, activation {self.activation!r}"
            do = f"give width and layers of 1 or more, and one of {', '.join(kinds)}"
            raise InputError("a network as an inference function", found, do)
        inputs = self.window.gather(x)
        with seeded(seed, "network"):
            sizes = [inputs.shape[1], *[self.width] * self.layers]
            parts: list[nn.Module] = []
            for before, after in pairwise(sizes):
                parts += [nn.Linear(before, after), kinds[self.activation]()]
            parts.append(nn.Linear(self.width, 2 * model.local_size))
            straight = nn.Linear(sizes[0], 2 * model.local_size) if self.linear else None
        return Q(model, len(x), _Network(inputs, nn.Sequential(*parts), straight), self.window)


class _Network(nn.Module):
    def __init__(self, inputs: Tensor, network: nn.Module, straight: nn.Module | None) -> None:
        super().__init__()
        self.scaled, self.network, self.straight = _Scaled(inputs), network, straight
        self.double()

    def forward(self, inputs: Tensor) -> Tensor:
        scaled = self.scaled(inputs)
        found: Tensor = self.network(scaled)
        return found if self.straight is None else found + self.straight(scaled)


@dataclass(frozen=True)
class Own:
    """A network of the user's.

    Attributes:
        make: gives a new one: a module that takes inputs of shape (M, F), float64, and returns (M, 2 D), means first
            and then log standard deviations.
        window: what it sees.
        name: what tables call it.
    """

    make: Callable[[], nn.Module]
    window: Window = _HERE
    name: str = "own network"

    @property
    def label(self) -> str:
        """Its name and its window."""
        return f"{self.name} on {self.window}"

    def build(self, model: HierarchicalModel, x: Tensor, seed: int = 0) -> Q:
        """``make`` is called under the seed."""
        with seeded(seed, "network"):
            function = self.make().double()
        return Q(model, len(x), function, self.window)
