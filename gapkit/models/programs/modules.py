"""The modules of a program, named as a file of weights would name them."""

import inspect
import types
from typing import Any

from torch import nn

__all__ = ["modules_of"]


def modules_of(model: Any, guide: Any) -> nn.Module:
    """The modules of both, named as a file of weights would name them."""
    owners = [part.__self__ if isinstance(part, types.MethodType) else part for part in (model, guide)]
    if owners[0] is owners[1] and isinstance(owners[0], nn.Module):
        return owners[0]
    found: dict[str, nn.Module] = {}
    for name, part in zip(("model", "guide"), owners, strict=True):
        if isinstance(part, nn.Module):
            found[name] = part
        elif isinstance(part, types.FunctionType):
            around = inspect.getclosurevars(part)
            both = {**around.globals, **around.nonlocals}
            found |= {inner: value for inner, value in both.items() if isinstance(value, nn.Module)}
    if len(found) == 1:
        return next(iter(found.values()))
    holder = nn.Module()
    for name, module in found.items():
        holder.add_module(name, module)
    return holder
