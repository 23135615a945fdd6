"""Pyro programs: an object with ``model(x)`` and ``guide(x)``, or the pair of them.

Their weights come from a state dict, or from a saved store of parameters, ``pyro.get_param_store().save(file)``.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.distributions import constraints, transform_to

from gapkit.checkpoints.adapters.protocol import Adapted, Into, Reads, Request
from gapkit.checkpoints.adapters.sbi_posterior import of_sbi
from gapkit.core.errors import InputError
from gapkit.inputs.usercode import METHODS
from gapkit.models.programs import PyroPair, from_pyro

__all__ = ["PyroProgram"]

_MARK = "$$$"  # between the name of a module and that of its parameter


class PyroProgram:
    """A Pyro model with its guide."""

    reads: Reads = "object"

    def claims(self, found: Any) -> bool:
        """Whether the user's code uses Pyro, and gave two functions, or an object with both."""
        if isinstance(found, PyroPair):
            return True
        if "pyro" not in sys.modules or all(callable(getattr(found, name, None)) for name in METHODS):
            return False
        if isinstance(found, tuple):
            return len(found) == 2 and all(callable(part) for part in found) and not of_sbi(found[0])
        return all(callable(getattr(found, name, None)) for name in ("model", "guide"))

    def open(self, found: Any, request: Request) -> Adapted:
        """Make a model of it; it is read when it sees data.

        Raises:
            InputError: no program.
        """
        made = found if isinstance(found, PyroPair) else from_pyro(*(found if isinstance(found, tuple) else (found,)))
        return Adapted(made, f"a Pyro program built by {request.factory}", fill=partial(_fill, made))


def _fill(pair: PyroPair, payload: Any, into: Into) -> tuple[str, ...]:
    if not isinstance(payload, Mapping) or set(payload) != {"params", "constraints"}:
        return into(pair.own, payload)
    weights, loose = _split(payload, pair.own)
    pair.take(loose)
    if not weights and not pair.own.state_dict():
        return ()
    try:
        return into(pair.own, weights)
    except InputError as error:
        do = (
            f"{error.do}; a store of parameters holds what pyro.module and PyroModule registered, and no buffers "
            "(running means of batch normalisation): save model.state_dict() where that is not all"
        )
        raise InputError(error.asked, error.found, do) from error


def _split(payload: Mapping[str, Any], own: nn.Module) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Any]]]:
    """The parameters of modules, named as there, and all others with their constraints."""
    names = own.state_dict().keys()
    params, kinds = payload["params"], payload["constraints"]
    asked = "a saved store of Pyro's parameters"
    do = "save it again: pyro.get_param_store().save('store.pt')"
    if not isinstance(params, Mapping) or not isinstance(kinds, Mapping):
        raise InputError(asked, f"params and constraints that are no mappings ({type(params).__name__})", do)
    weights, loose = {}, {}
    for name, value in params.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(asked, f"{name!r:.40} of type {type(value).__name__}", do)
        known = next((form for form in _forms(name) if form in names), None)
        if known is not None or _MARK in name:
            weights[known or name.replace(_MARK, ".")] = value.detach()
            continue
        kind = kinds.get(name)
        try:
            if not isinstance(kind, constraints.Constraint):
                raise TypeError(f"a constraint of type {type(kind).__name__}")
            transform_to(kind)(value.detach())
        except Exception as error:  # bounds in a file may be anything
            raise InputError(asked, f"{name} with a constraint that cannot be used ({error!s:.120})", do) from error
        loose[name] = (value, kind)
    return weights, loose


def _forms(name: str) -> list[str]:
    """How the name of a parameter in the store may be written in a state dict."""
    dotted, inner = name.replace(_MARK, "."), name.partition(_MARK)[2]
    plain = [dotted, inner, f"model.{dotted}", f"guide.{dotted}"]
    return [form for base in plain if base for form in (base, f"{base}_unconstrained")]
