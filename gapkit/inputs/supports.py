"""Constraints in saved param stores of Pyro: objects of torch that say in what set a number lies.

They hold bounds and no code, and reading one sets its attributes without calling anything. A param store is not opened
without them, because a weights-only reader knows tensors alone.
"""

import sys
from typing import Any

from torch.distributions import constraints

__all__ = ["constraint_classes"]


def constraint_classes() -> list[Any]:
    """The classes that a weights-only reader may make: those of torch, and of Pyro where the user's code imported it.

    Example:
        >>> type(constraints.positive) in constraint_classes()
        True
    """
    pyro = sys.modules.get("pyro.distributions.constraints")
    modules = [constraints] if pyro is None else [constraints, pyro]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return [value for value in found if issubclass(value, constraints.Constraint)]
