"""Families of one's own: their register, and the fitter that any family gets whose draws have gradients.

It climbs by path gradients (:mod:`gapkit.local.gradient`) through automatic differentiation of the family's draws and
density. Places move in units of the widths to begin with, positive parameters by factors, and all others as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.families.protocol import Posterior, log_prob_and_grad, noise_dim
from gapkit.ladder import Further
from gapkit.local.certificate import Certificate
from gapkit.local.families import FAMILIES, FITTERS
from gapkit.local.fitter import Fitter, LocalFit, Member, first_start, highest
from gapkit.local.gradient import ascend
from gapkit.local.problem import Problem
from gapkit.target import Target
from gapkit.target.recognise import forget_name, name_family

__all__ = ["GradientFitter", "forget_family", "own_families", "register_family"]

_RATE = 0.03
_LONGEST = 60  # characters of a label: it heads rows of tables
_CONTRACT = ("tensors", "of", "push", "log_prob", "select", "marginal_scale")
_WORDS: dict[str, Further] = {}


def register_family(
    name: str,
    family: type,
    fitter: Fitter | None = None,
    *,
    recognise: Callable[[Distribution], Posterior | None] | None = None,
    label: str = "",
    words: str = "",
) -> None:
    """Give a family of one's own a name, and with it q*, a place in tables, and words.

    From then on ``family=name`` is known to :func:`gapkit.analyze`, :func:`gapkit.fit` and
    :func:`gapkit.engine.spec_for`, and an encoder whose posterior is of this family is split in it. Registering a name
    again replaces what it stood for. It holds in this process only.

    Args:
        name: a short name of letters; the columns are ``elbo_star_NAME`` and ``approximation_gap_NAME``, in nats.
        family: the class, best derived from :class:`gapkit.families.Family`.
        fitter: how it is fitted, see :class:`gapkit.local.fitter.Fitter`; None takes :class:`GradientFitter`.
        recognise: brings what ``encode`` returns into a member of the family, and gives None for all else; needed only
            for encoders that return no :class:`gapkit.families.TransportDistribution`.
        label: what it is called in tables; empty for the name.
        words: what a member is, in a few words after "the best"; empty for the label.

    Raises:
        InputError: a name that makes no column or is gapkit's own, a label too long for a table, a class that gapkit
            knows, or one without the methods that a fit needs.

    Example:
        >>> from gapkit.families import DiagonalGaussian
        >>> class Mine(DiagonalGaussian):
        ...     @classmethod
        ...     def matching(cls, loc, deviation):
        ...         return cls(loc, deviation)
        >>> register_family("mine", Mine, words="Gaussian of mine")
        >>> "mine" in FITTERS
        True
        >>> forget_family("mine")
    """
    asked, do = f"a family named {name!r:.80}", "use another short name of letters, such as laplace"
    if not (isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= 30):
        raise InputError(asked, "names of columns are up to 30 letters, digits and underscores", do)
    if name in FAMILIES or name == "se" or name.endswith("_se"):
        found = "one of gapkit's own" if name in FAMILIES else "the name of a column of errors"
        raise InputError(asked, found, do)
    if len(label) > _LONGEST:
        raise InputError(asked, f"a label of {len(label)} characters", f"use at most {_LONGEST}")
    if not isinstance(family, type):
        raise InputError(asked, f"a {type(family).__name__} in the place of a class", "give the class of its members")
    needed = _CONTRACT if fitter else (*_CONTRACT, "matching")
    missing = [part for part in needed if not callable(getattr(family, part, None))]
    if missing:
        found = f"{family.__name__} without {', '.join(missing)}"
        raise InputError(asked, found, "derive it from gapkit.families.Family, which says what it needs")
    open_ = sorted(getattr(family, "__abstractmethods__", ()))
    if open_ or not is_dataclass(family):
        found = (
            f"{family.__name__} without {', '.join(open_)}" if open_ else f"{family.__name__}, which is no dataclass"
        )
        raise InputError(asked, found, "write the methods, and @dataclass(frozen=True) above the class")
    name_family(family, name, recognise)
    FITTERS[name] = fitter or GradientFitter(family)
    _WORDS[name] = Further("family", name, label or name.replace("_", " "), words)


def forget_family(name: str) -> None:
    """Undo :func:`register_family`; a name that is unknown or gapkit's own is left alone.

    Example:
        >>> forget_family("nothing")
    """
    if name in FAMILIES:
        return
    FITTERS.pop(name, None)
    _WORDS.pop(name, None)
    forget_name(name)


def own_families(names: Sequence[str]) -> tuple[Further, ...]:
    """What tables say of those among the families that are one's own."""
    return tuple(_WORDS[name] for name in dict.fromkeys(names) if name in _WORDS)


@dataclass(frozen=True)
class GradientFitter:
    """Path-gradient steps for any family whose draws are differentiable in its tensors.

    Attributes:
        family: its class, with ``matching(loc, deviation)``; the names in its ``positive`` stay positive.
    """

    family: Any

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor]:
        """The encoder's q or the member nearest to the best factorised Gaussian, whichever is higher."""
        return highest(self.known(problem, found))

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; and the member with the moments of the best factorised Gaussian."""
        inner = found["mean_field"]
        near = self.family.matching(inner.q.loc, inner.q.marginal_scale())
        members = [Member(near, problem.judged(near), inner.start)]
        own = problem.encoder
        return [Member(own, problem.encoder_elbo, first_start(own)), *members] if type(own) is self.family else members

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.gradient_steps

    def polish(self, problem: Problem, q: Any, start: Tensor, steps: range) -> Any:
        """Path-gradient steps; those after the first stretch are smaller."""
        chart = _Chart(problem.target, q, tuple(getattr(q, "positive", ())))
        rate = _RATE if steps.start == 0 else 0.4 * _RATE
        noise = problem.noise(f"{steps.start}", noise_dim(q, problem.target.dim))
        return chart.member(ascend(chart, noise, len(steps), problem.settings.gradient_samples, rate))

    def certify(self, problem: Problem, q: Any, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


@dataclass(frozen=True)
class _Chart:
    """``loc`` by a shift in units of the widths, positive tensors by log factors, the others by themselves."""

    target: Target
    q: Any
    positive: tuple[str, ...]

    def parameters(self) -> dict[str, Tensor]:
        moved = ("loc", *self.positive)
        tensors = {name: tensor.detach() for name, tensor in self.q.tensors().items()}
        return {name: torch.zeros_like(t) if name in moved else t.clone() for name, t in tensors.items()}

    def member(self, parameters: Mapping[str, Tensor]) -> Any:
        tensors = {}
        for name, tensor in self.q.tensors().items():
            if name == "loc":
                tensors[name] = tensor + self.q.marginal_scale().detach() * parameters[name]
            elif name in self.positive:
                tensors[name] = tensor * parameters[name].exp()
            else:
                tensors[name] = parameters[name]
        return type(self.q).of(**tensors)

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        live = self.member(parameters)
        z, _ = live.push(u)
        fixed = type(live).of(**{name: tensor.detach() for name, tensor in live.tensors().items()})
        r = self.target.grad(z.detach()) - log_prob_and_grad(fixed, z.detach())[1]
        return (z * r).sum(-1).mean(0)
