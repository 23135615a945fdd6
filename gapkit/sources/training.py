"""What a checkpoint says about the data that its model is for."""

from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded

__all__ = ["of_counts", "trained_on"]


def trained_on(loaded: "Loaded") -> str:
    """Name of the data that the checkpoint says it was trained on.

    Raises:
        InputError: it names none.

    Example:
        >>> from gapkit.checkpoints import Loaded
        >>> trained_on(Loaded(None, "", "vae.pt", "", {"data": "mnist"}))
        'mnist'
    """
    source = loaded.extra.get("data")
    if isinstance(source, str):
        return source
    raise InputError(
        "data to analyse", "no --data, and the checkpoint does not name its training data", "pass --data NAME or FILE"
    )


def of_counts(model: Any) -> bool:
    """Whether p(x|z) is one of counts or classes, as far as that can be told without data.

    Example:
        >>> from gapkit.models.reference import build
        >>> of_counts(build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="poisson"))
        True
    """
    import torch
    from torch.distributions import Independent, constraints

    from gapkit.inputs.data import COUNTS

    likelihood = getattr(model, "likelihood", None)
    if getattr(likelihood, "name", None) is not None:
        return likelihood.name in COUNTS  # type: ignore[union-attr]
    try:
        with torch.no_grad():
            base: Any = model.decode(model.prior().sample((2,)))
        while isinstance(base, Independent):
            base = base.base_dist
        support = base.support
    except Exception:  # whatever is wrong with the model is told when it is prepared
        return False
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.nonnegative_integer or isinstance(support, constraints.integer_interval)
