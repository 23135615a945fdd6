"""What a model must have, and what is said to the user where it lacks it."""

from collections.abc import Sequence
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["CONTRACT", "require_contract"]

CONTRACT = """pass --model path/to/file.py:factory, where the file says how to build the model, e.g.
    class Model(torch.nn.Module):              # its attributes are named as when the weights were saved
        def __init__(self, latent=50): ...
        def encode(self, x): ...               # q(z|x), a torch.distributions object with batch shape (B,)
        def decode(self, z): ...               # p(x|z), e.g. Independent(Bernoulli(logits=...), 1)
        def prior(self): ...                   # p(z), e.g. Independent(Normal(zeros, ones), 1)
    def factory(latent=50): return Model(latent)   # arguments come from --model-arg latent=50
If encode returns (mean, logvar) and decode returns logits or means, add --likelihood NAME; prior is then optional."""


def require_contract(built: Any, spec: str, methods: Sequence[str]) -> None:
    """Refuse an object that lacks one of the methods.

    Raises:
        InputError: one is missing, or hidden by an attribute of its name.
    """
    missing = [name for name in methods if not callable(getattr(built, name, None))]
    if not missing:
        return
    asked = f"use what {spec} returned as a model"
    for name in missing:
        if callable(getattr(type(built), name, None)):
            hiding = type(getattr(built, name)).__name__
            found = f"an attribute {name} ({hiding}) of the instance, which hides the method {name}() of its class"
            raise InputError(
                asked,
                found,
                f"give the attribute another name: self.{name} = ... is set by the class or "
                "by one that it inherits from",
            )
    raise InputError(asked, f"{type(built).__name__} without {', '.join(missing)}", CONTRACT)
