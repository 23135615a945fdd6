"""Amortized posteriors of sbi: what ``from_sbi`` made, or the posterior and the likelihood, in a tuple.

Their weights come from the state dict of the density estimator, or from the pickled posterior, if that is trusted.
"""

from functools import partial
from typing import Any

from torch import nn

from gapkit.checkpoints.adapters.protocol import Adapted, Into, Reads, Request
from gapkit.core.errors import InputError
from gapkit.models.programs import SbiModel, from_sbi

__all__ = ["SbiPosterior", "of_sbi"]


def of_sbi(found: Any) -> bool:
    """Whether the class of an object is sbi's."""
    return type(found).__module__.partition(".")[0] == "sbi"


class SbiPosterior:
    """A trained posterior of sbi, with its likelihood."""

    reads: Reads = "object"

    def claims(self, found: Any) -> bool:
        """Whether it is a posterior or density estimator of sbi, alone or first in a tuple."""
        return isinstance(found, SbiModel) or of_sbi(found[0] if isinstance(found, tuple) and found else found)

    def open(self, found: Any, request: Request) -> Adapted:
        """Make a model of it.

        Raises:
            InputError: no likelihood beside it, or an estimator that cannot be analysed.
        """
        if not isinstance(found, SbiModel):
            parts = found if isinstance(found, tuple) else (found,)
            if len(parts) not in (2, 3):
                do = (
                    "return (posterior, likelihood), where likelihood is a function of the parameters that returns "
                    "p(x|theta), or (posterior, likelihood, prior)"
                )
                raise InputError("a posterior of sbi as a model", f"{len(parts)} parts, without a likelihood", do)
            found = from_sbi(*parts)
        how = f"an amortized posterior of sbi built by {request.factory}"
        return Adapted(found, how, fill=partial(_fill, found))


def _fill(model: SbiModel, payload: Any, into: Into) -> tuple[str, ...]:
    if of_sbi(payload):  # a pickle, which the user trusted
        estimator = getattr(payload, "posterior_estimator", payload)
        payload = estimator.state_dict() if isinstance(estimator, nn.Module) else payload
        return into(model.estimator, payload)
    return into(model.own, payload)
