"""Models with several groups of latents: hierarchical and ladder VAEs, by a small class that a user fills in.

    q(z|x) = prod_g q(z_g | earlier groups, x)        p(z) = prod_g p(z_g | earlier groups)

q and p may draw the groups in different orders. All groups together are one latent z of D numbers, to which everything
applies that an analysis does. Sources: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016),
https://arxiv.org/abs/1509.00519, equation 1; Sonderby et al., "Ladder Variational Autoencoders" (2016),
https://arxiv.org/abs/1602.02282.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, constraints

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree
from gapkit.families.distribution import TransportDistribution
from gapkit.families.grouped import Conditionals, GroupedGaussian
from gapkit.models.support import describe
from gapkit.models.unvalidated import unvalidated

__all__ = ["LatentGroups"]


class LatentGroups(nn.Module):
    """Base of models with several groups of latents; satisfies ``LatentModel``.

    A subclass says the groups in ``groups`` and fills in :meth:`embed`, :meth:`infer`, :meth:`generate` and
    :meth:`likelihood`.

    Attributes:
        groups: names and sizes of the groups, in the order in which p draws them: the top one first.
        inferred: their order in q; None for that of p (a ladder VAE), else such as ``("z1", "z2")``.

    Example:
        >>> class Two(LatentGroups):  # z2 ~ N(0, 1), z1 ~ N(z2, 1), x ~ N(z1, 1)
        ...     groups, inferred = {"z2": 1, "z1": 1}, ("z1", "z2")
        ...     def generate(self, name, drawn):
        ...         mean = drawn["z2"] if name == "z1" else torch.zeros(1)
        ...         return Normal(mean, 1.0)
        ...     def infer(self, name, features, drawn):
        ...         return Normal(2 * features / 3, 0.8) if name == "z1" else Normal(drawn["z1"] / 2, 0.7)
        ...     def likelihood(self, z):
        ...         return Independent(Normal(z["z1"], 1.0), 1)
        >>> model = Two()
        >>> model.encode(torch.zeros(4, 1)).event_shape, model.prior().sample((3,)).shape
        (torch.Size([2]), torch.Size([3, 2]))
    """

    groups: Mapping[str, int] = MappingProxyType({})
    inferred: Sequence[str] | None = None

    def embed(self, x: Tensor) -> Tree:
        """What :meth:`infer` needs of x, of shape (B, *x_shape), made once: a tensor or a tree of B rows; x itself."""
        return x

    @abstractmethod
    def infer(self, name: str, features: Tree, drawn: Mapping[str, Tensor]) -> Normal | Independent:
        """q of a group given x and the groups that q has drawn before it: N rows of each; normal, (N, size)."""

    @abstractmethod
    def generate(self, name: str, drawn: Mapping[str, Tensor]) -> Normal | Independent:
        """p of a group given the groups that p has drawn before it; of the first, normal of shape (size,) will do."""

    @abstractmethod
    def likelihood(self, z: Mapping[str, Tensor]) -> Distribution:
        """p(x|z): every group has shape (N, size), the result batch shape (N,) and event shape ``x_shape``."""

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,) and event shape (D,).

        Raises:
            InputError: no groups, an order that does not have all of them, or distributions of another kind or shape.
        """
        features = self.embed(x)
        order = tuple(self.groups if self.inferred is None else self.inferred)
        if sorted(order) != sorted(self._sizes()):
            do = "name every group once, in the order in which q draws them"
            raise InputError(f"groups {', '.join(self.groups)} in q", f"inferred = {order}", do)
        conditionals = Conditionals(self._sizes(), order, _Inferred(self))
        like = x if x.dtype.is_floating_point else next(iter(self.parameters()), torch.zeros(()))
        q = GroupedGaussian.of_encoder(features, conditionals, like.new_zeros(len(x), 1))
        return TransportDistribution(q, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z): z has shape (N, D), the groups side by side in the order of ``groups``."""
        sizes = self._sizes()
        return self.likelihood(dict(zip(sizes, z.split(list(sizes.values()), -1), strict=True)))

    def prior(self) -> Distribution:
        """Return p(z): batch shape () and event shape (D,)."""
        weight = next((part for part in self.parameters() if part.is_floating_point()), torch.zeros(()))
        return _Chained(Conditionals(self._sizes(), tuple(self._sizes()), _Generated(self)), weight)

    def _sizes(self) -> dict[str, int]:
        sizes = dict(self.groups)
        if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes.values()):
            do = 'say names and sizes, the top one first: groups = {"z2": 5, "z1": 20}'
            raise InputError(f"the groups of {type(self).__name__}", f"groups = {sizes}", do)
        return sizes


def _read(given: Any, name: str, whose: str, rows: int, size: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of shape (rows, size) of what the user's method returned."""
    inner = given.base_dist if isinstance(given, Independent) else given
    if not isinstance(inner, Normal):
        do = "return torch.distributions.Normal(mean, deviation) of shape (N, size)"
        raise InputError(f"{whose}({name!r}, ...) that is normal", describe(given), do)
    try:
        return inner.loc.expand(rows, size), inner.scale.expand(rows, size)
    except RuntimeError as error:
        found = f"mean {tuple(inner.loc.shape)}, deviation {tuple(inner.scale.shape)}"
        raise InputError(
            f"{whose}({name!r}, ...) of shape ({rows}, {size})", found, "return one row for each that is given"
        ) from error


class _Inferred:
    """The encoder's networks in the form that the family wants."""

    def __init__(self, model: LatentGroups) -> None:
        self.model = model

    def __call__(self, name: str, features: Tree, drawn: Mapping[str, Tensor], rows: int) -> tuple[Tensor, Tensor]:
        with unvalidated():  # one datapoint that is not finite must not stop the others
            return _read(self.model.infer(name, features, drawn), name, "infer", rows, self.model.groups[name])


class _Generated:
    """The generative networks in the same form; nothing else is given."""

    def __init__(self, model: LatentGroups) -> None:
        self.model = model

    def __call__(self, name: str, features: Tree, drawn: Mapping[str, Tensor], rows: int) -> tuple[Tensor, Tensor]:
        with unvalidated():
            return _read(self.model.generate(name, drawn), name, "generate", rows, self.model.groups[name])


class _Chained(Distribution):
    """p(z) of groups one after the other: batch shape (), event shape (D,)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector
    has_rsample = True
    known_as = "Normal of each group"

    def __init__(self, conditionals: Conditionals, like: Tensor) -> None:
        self.conditionals, self._like = conditionals, like.detach()
        super().__init__(torch.Size(), torch.Size((conditionals.dim,)), validate_args=False)

    def deviations(self, z: Tensor) -> Tensor:
        """Of each latent given the groups before it, at z of shape (N, D): the same shape."""
        return self.conditionals.deviations(z, None)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draws of shape (*sample_shape, D)."""
        shape = torch.Size(sample_shape)
        noise = torch.randn(shape.numel(), self.conditionals.dim, dtype=self._like.dtype, device=self._like.device)
        return self.conditionals.forward(noise, None)[0].reshape(*shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p(z): shape (..., D) to (...), in nats."""
        flat = value.reshape(-1, self.conditionals.dim)
        u, ladj = self.conditionals.inverse(flat, None)
        unit = Normal(torch.zeros((), dtype=u.dtype, device=u.device), 1.0, validate_args=False)
        return (unit.log_prob(u).sum(-1) - ladj).reshape(value.shape[:-1])
