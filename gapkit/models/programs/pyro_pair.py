"""A Pyro ``(model, guide)`` pair as a model of the contract.

    model: z ~ p(z), x ~ p(x|z)        guide: z ~ q(z|x)

All latent sites together are z, each on the real line (through ``biject_to`` of its support). Where p(x|z) is a
function of z alone, it is taken out of the program, and data can be simulated; else log p(x, z) is analysed as a whole.
Reference: Bingham et al., "Pyro: Deep Universal Probabilistic Programming" (2019), https://arxiv.org/abs/1810.09538.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, TransformedDistribution

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.trees import Tree
from gapkit.families.distribution import TransportDistribution
from gapkit.models.conditions import place_in
from gapkit.models.freeze import frozen
from gapkit.models.joint import GivenLatents
from gapkit.models.priors import moved, standard_normal
from gapkit.models.programs.bounded import joined
from gapkit.models.programs.densities import GuideTransform, ProgramPrior
from gapkit.models.programs.layout import read_layout
from gapkit.models.programs.modules import modules_of
from gapkit.models.programs.plain import rows_first, single
from gapkit.models.programs.program import Layout, Program, guide_steps
from gapkit.models.steady import steady
from gapkit.models.support import describe

__all__ = ["PyroPair", "from_pyro"]


class PyroPair(nn.Module):
    """Satisfies ``LatentModel``; built by :func:`from_pyro`.

    Attributes:
        own: the modules of the program, whose weights have the names of the user's file.
        loose: trained parameters of ``pyro.param`` statements that are in no module.
        layout: what was read of the program; None until the first encode.
        x_shape: shape of a datapoint, None until then.
    """

    def __init__(self, model: Callable[..., Any], guide: Callable[..., Any], x: Tensor | None = None) -> None:
        super().__init__()
        self.model, self.guide = model, guide
        self.own = modules_of(model, guide)
        self.loose = nn.ParameterList()
        self._loose: tuple[tuple[str, Any], ...] = ()  # names and constraints
        self.layout: Layout | None = None
        self.x_shape: tuple[int, ...] | None = None
        self.register_buffer("_example", None, persistent=False)
        self._given = x

    def take(self, store: Any) -> None:
        """Set the parameters that are in no module: name to unconstrained value and constraint."""
        self._loose = tuple((name, constraint) for name, (_, constraint) in store.items())
        self.loose = nn.ParameterList([nn.Parameter(value.detach().clone()) for value, _ in store.values()])
        self.layout = None

    @property
    def program(self) -> Program:
        """Model, guide and their parameters."""
        named = zip(self._loose, self.loose, strict=True)
        return Program(self.model, self.guide, {name: (value, kind) for (name, kind), value in named})

    @property
    def latent_shape(self) -> tuple[int, ...] | None:
        """Event shape of z, None until the first encode."""
        return None if self.layout is None else (self.layout.dim,)

    @property
    def decodes_for_all(self) -> bool:
        """Whether p(x|z) is a function of z alone."""
        return self.layout is None or not self.layout.apart

    def behind(self, name: str) -> Any:
        """What a method calls: it decides who is given a condition."""
        if name == "encode":
            return self.guide
        needed = place_in(self.model, 1)
        if name == "prior":
            return (lambda: None) if needed is None else (lambda c: None) if needed else (lambda c=None: None)
        return (lambda z: None) if needed is None else (lambda z, c: None) if needed else (lambda z, c=None: None)

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,) and event shape (D,)."""
        layout = self.layout or self._read(x, c)
        noise = x.new_zeros(len(x), layout.dim)
        if not noise.is_floating_point():
            noise = noise.float()
        if layout.family == "general":
            base = Independent(Normal(noise, torch.ones_like(noise), validate_args=False), 1, validate_args=False)
            return TransformedDistribution(base, [GuideTransform(self, x, c)], validate_args=False)
        loc, _, steps = guide_steps(self.program, layout, x, c, noise)
        if layout.family == "full":
            ((step,),) = steps.values()
            return MultivariateNormal(loc, scale_tril=step.tril.expand(len(x), -1, -1), validate_args=False)
        if layout.family == "member":
            members = [steps[slot.name][0].member for slot in layout.slots]
            return TransportDistribution(joined(members), validate_args=False)
        scale = torch.cat([slot.flat(steps[slot.name][0].scale) for slot in layout.slots], 1)
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """Return p(x|z) for latents (N, D), or what stands for it where the program does not fall apart."""
        layout = self._known()
        if layout.apart:
            return GivenLatents(self, z, c)
        values, _ = layout.values(z)
        ((name, axis),) = layout.observed.items()
        example: Any = self._example
        x = example.expand(len(z), *example.shape[1:])
        site = self._run(x.to(z.dtype) if x.is_floating_point() else x, c, values, None)[name]
        p = rows_first(site.fn, axis, tuple(x.shape[1:]))
        if p is None:
            raise InputError(f"p(x|z) at the site {name}", describe(site.fn), "give it one shape for all data")
        return p

    def prior(self, c: Tree = None) -> Distribution:
        """Return p(z) on the real line, batch shape (); given a condition of B rows, p(z|c), batch shape (B,)."""
        layout, example = self._known(), self._example
        if not layout.own_prior:
            return standard_normal((layout.dim,), self._type(), example.device)
        return self._normal_prior(layout, c) or ProgramPrior(self, c)

    def reference(self, dtype: torch.dtype, device: torch.device) -> Distribution:
        """The density that stands for p(z) where it depends on x, in a type and a place."""
        found: Distribution = steady(moved(self.prior(), dtype, device))
        return found

    def log_joint(self, x: Tensor, z: Tensor, *c: Tree) -> Tensor:
        """Log p(x, z), shape (N,), in nats: of data of N rows and latents on the real line, (N, D)."""
        layout = self._known()
        values, total = layout.values(z)
        condition = c[0] if c else None
        for name, site in self._run(x, condition, values, None).items():
            found = site.log_prob()
            if name in layout.observed:
                total = total + _rows(found, found.dim() + layout.observed[name], len(z))
            else:
                slot = next(slot for slot in layout.slots if slot.name == name)
                total = total + _rows(found, slot.place, len(z))
        return total

    def log_prior(self, z: Tensor, c: Tree = None) -> Tensor:
        """Log p(z) on the real line: shape (N, D) to (N,), in nats."""
        layout = self._known()
        values, total = layout.values(z)
        example: Any = self._example
        sites = self._run(example.expand(len(z), *example.shape[1:]), c, values, layout.last)
        for slot in layout.slots:
            total = total + _rows(sites[slot.name].log_prob(), slot.place, len(z))
        return total

    def draw_prior(self, count: int, c: Tree = None) -> Tensor:
        """Draws of p(z) on the real line, shape (count, D)."""
        layout = self._known()
        example: Any = self._example
        sites = self._run(example.expand(count, *example.shape[1:]), c, None, layout.last)
        return torch.cat([slot.flat(slot.bijection.inv(sites[slot.name].value)) for slot in layout.slots], 1)

    def _run(self, x: Tensor, c: Tree, values: dict[str, Tensor] | None, last: str | None) -> dict[str, Any]:
        from gapkit.models.programs.pyro_run import run

        give = None if values is None else (lambda name, fn: values.get(name))
        program = self.program
        return run(self.model, x, c, values=give, store=program.store, last=last)

    def _normal_prior(self, layout: Layout, c: Tree) -> Distribution | None:
        """P(z) as independent normals, where one latent site has them; None of any other."""
        if len(layout.slots) > 1 or layout.slots[0].rest or c is not None:
            return None
        example: Any = self._example
        (site,) = self._run(example, None, None, layout.last).values()
        p = rows_first(site.fn, -1, (layout.dim,))
        values, _ = layout.values(torch.zeros(1, layout.dim).to(example))
        plain_line = torch.equal(values[site.name].flatten(), torch.zeros(layout.dim).to(example))
        return single(p) if p is not None and plain_line else None

    def _read(self, x: Tensor, c: Tree) -> Layout:
        with frozen(self):
            layout = read_layout(self.program, x, c)
        unused = sorted({name for name, _ in self._loose} - layout.asked)
        notes = list(layout.notes)
        if unused:
            notes.append(f"parameters that the program did not ask for: {', '.join(unused[:8])}")
        if layout.apart:
            notes.append(f"{layout.apart}: log p(x, z) is analysed as a whole, without simulated data and pictures")
        for note in notes:
            warnings.warn(f"the Pyro program: {note}", GapkitWarning, stacklevel=4)
        self.layout, self.x_shape, self._example = layout, tuple(x.shape[1:]), x[:1].detach().clone()
        return layout

    def _known(self) -> Layout:
        if self.layout is None and self._given is not None:
            self._read(self._given, None)
        if self.layout is None:
            do = "encode a batch first, or give from_pyro a batch: from_pyro(model, guide, x=x[:4])"
            raise InputError("p(x, z) of a Pyro program", "no data that it could be run on yet", do)
        return self.layout

    def _type(self) -> torch.dtype:
        weight = next((part.dtype for part in self.parameters() if part.is_floating_point()), None)
        example: Any = self._example
        return weight or (example.dtype if example.is_floating_point() else torch.float32)


def _rows(values: Tensor, place: int, count: int) -> Tensor:
    """The sum over all axes but that of the datapoints, shape (count,)."""
    moved_first = values.movedim(place, 0)
    return moved_first.reshape(count, -1).sum(1)


def from_pyro(model: Any, guide: Any = None, *, x: Tensor | None = None) -> PyroPair:
    """Make a model from a Pyro program: a model and its guide.

    Parameters of ``pyro.param`` statements that are in no module are taken from Pyro's store as it is now.

    Args:
        model: a function or module of x (and a condition, in the second place), with a ``pyro.plate`` over datapoints,
            latent sites and ``obs=x``; or an object with ``model`` and ``guide``.
        guide: the same for q(z|x): sites that are transforms of Gaussian noise, or Gamma, Weibull, Beta or Dirichlet;
            None takes ``model.guide``.
        x: a few datapoints to read the program with, where something is wanted of it before the first encode.

    Returns:
        A model that ``gapkit.analyze`` takes. Where p(x|z) depends on x itself, or several sites are observed, it is
        analysed as one density log p(x, z), which is said.

    Raises:
        InputError: no program, or Pyro is not installed; later, from ``encode``: latents outside the plate of the
            datapoints, discrete ones, or a guide that is no transform of Gaussian noise.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> def model(x):
        ...     with pyro.plate("data", len(x)):
        ...         z = pyro.sample("z", dist.Normal(0.0, x.new_ones(len(x), 1)).to_event(1))
        ...         pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)
        >>> def guide(x):
        ...     with pyro.plate("data", len(x)):
        ...         pyro.sample("z", dist.Normal(x / 2, 0.5**0.5).to_event(1))
        >>> made = from_pyro(model, guide)
        >>> x = torch.tensor([[1.0]])  # q is exact, so that this is log p(x) = log N(1; 0, 2):
        >>> q, z = made.encode(x), torch.zeros(1, 1)
        >>> float(made.prior().log_prob(z) + made.decode(z).log_prob(x) - q.log_prob(z))
        -1.5155...
    """
    if guide is None:
        model, guide = getattr(model, "model", None), getattr(model, "guide", None)
    if not callable(model) or not callable(guide):
        do = "give both, or an object with the methods model(x) and guide(x)"
        raise InputError("a Pyro model and its guide", f"{describe(model)} and {describe(guide)}", do)
    try:
        from gapkit.models.programs.pyro_run import global_store
    except ImportError as error:
        do = "install it: pip install 'gapkit[pyro]'"
        raise InputError("a Pyro program", f"no Pyro here ({error})", do) from error
    pair = PyroPair(model, guide, x)
    pair.take(global_store())
    return pair
