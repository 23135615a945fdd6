"""The modules that functions belong to, so that ``to``, ``eval`` and ``state_dict`` of a wrapper reach them."""

import types

from torch import nn

__all__ = ["owners_of"]


def owners_of(*functions: object) -> nn.ModuleList:
    """The modules of bound methods such as ``vae.decode``, each once.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> len(owners_of(layer.forward, layer.extra_repr, print))
        1
    """
    bound = [function.__self__ for function in functions if isinstance(function, types.MethodType)]
    owners = {id(owner): owner for owner in bound if isinstance(owner, nn.Module)}
    return nn.ModuleList(owners.values())
