"""What a family must be able to do to be fitted, and the outcome of a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import torch
from torch import Tensor

from gapkit.estimators.protocol import Estimate
from gapkit.families.protocol import Posterior
from gapkit.local.certificate import Certificate
from gapkit.local.problem import Problem, picked

__all__ = ["FitStatus", "Fitter", "LocalFit", "Member", "first_start", "highest"]


class FitStatus(IntEnum):
    """How a datapoint's fit ended."""

    CONVERGED = 0
    BUDGET = 1
    DIVERGED = 2

    @property
    def remedy(self) -> str:
        """What the status means and what to do about it."""
        return {
            FitStatus.CONVERGED: "the certificate leaves no more than the tolerance to gain, within its noise",
            FitStatus.BUDGET: "the steps ran out with more than the tolerance left to gain: use a higher effort",
            FitStatus.DIVERGED: "no finite optimum was found: look at the datapoint and the decoder",
        }[self]


@dataclass(frozen=True)
class Member:
    """A member of a family that is known already: an optimum of a smaller family, or the encoder's q.

    Attributes:
        q: in the form of the family.
        elbo: L[q] on the judge's noise.
        start: the start that led to it, shape (B,).
    """

    q: Any
    elbo: Estimate
    start: Tensor


@dataclass(frozen=True)
class LocalFit:
    """The optimum of one family for every datapoint of a batch.

    Attributes:
        q: the best member found; the encoder's q, if it is of this family, where nothing better was found.
        elbo: L[q] on the judge's noise.
        certificate: about how far below the family's optimum L[q] may still be.
        status: ``FitStatus`` values, shape (B,).
        start: 0 where the fit began at the encoder's q, else the number of the start that led to it, shape (B,).
        steps: steps of the polish, shape (B,).
    """

    q: Any
    elbo: Estimate
    certificate: Certificate
    status: Tensor
    start: Tensor
    steps: Tensor

    @property
    def shortfall(self) -> Tensor:
        """How far below the optimum L[q] may be, in nats: the certificate's gap and its error together, shape (B,)."""
        known = self.certificate.gap.clamp(min=0.0).square() + self.certificate.std_error.square()
        return torch.where(known.isfinite(), known, 0.0).sqrt()


class Fitter(Protocol):
    """How one family is fitted; a registry in ``gapkit.local.families`` names them all."""

    def refusal(self, dim: int) -> str:
        """Why the family cannot be fitted for this many latents; empty where it can."""
        ...

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor]:
        """Where the polish begins, and the number of the start that led there, shape (B,)."""
        ...

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor] | None:
        """Another place to polish from for some datapoints, and which, shape (P,); None where one is enough."""
        ...

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """Members below which the fit may not end."""
        ...

    def num_steps(self, problem: Problem) -> int:
        """Steps of the polish."""
        ...

    def polish(self, problem: Problem, q: Any, start: Tensor, steps: range) -> Any:
        """Take some steps of the whole polish; a datapoint whose step is not finite stays where it is."""
        ...

    def certify(self, problem: Problem, q: Any, start: Tensor, stage: str) -> Certificate | None:
        """How far q is from the optimum, on noise of that stage; None where only further steps can tell."""
        ...


def first_start(q: Posterior) -> Tensor:
    """The encoder's own start for all: zeros of shape (B,)."""
    return torch.zeros(len(q.loc), dtype=torch.long, device=q.loc.device)


def highest(members: Sequence[Member]) -> tuple[Any, Tensor]:
    """The member with the highest L[q], per datapoint, and its start."""
    q, number = picked([member.q for member in members], [member.elbo.value for member in members])
    starts = torch.stack([member.start for member in members])
    return q, starts[number, torch.arange(len(number), device=number.device)]
