"""The encoder's share of a model: a copy whose decoder stays still, and which weights are the encoder's own.

Weights are sorted by what they do, not by their names: the encoder's own are those that q(z|x) has a gradient in
and p(x, z) has none.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.datapoints import Loaded
from gapkit.core.errors import InputError
from gapkit.models.conditions import decode_with, encode_with, prior_with
from gapkit.models.naming import name_of
from gapkit.models.protocol import LatentModel
from gapkit.models.reference import build

__all__ = ["Copied", "copied", "replace_encoder", "split_weights"]

_SIZES = ("hidden", "channels")  # a reference encoder's layers; the decoder's have entries of their own


@dataclass(frozen=True)
class Copied:
    """A copy of a model.

    Attributes:
        model: the copy; what a deep copy shares (functions and what they close over) is the original's.
        tensors: every tensor that was copied: parameters, buffers, plain attributes.
        weights: those among them that can be trained (``requires_grad``).
    """

    model: Any
    tensors: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]


def copied(model: LatentModel) -> Copied:
    """Copy a model with everything that its attributes lead to.

    Raises:
        InputError: the model holds what cannot be copied.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> sum(weight.numel() for weight in copied(model).weights) == sum(p.numel() for p in model.parameters())
        True
    """
    memo: dict[int, Any] = {}  # deepcopy notes here what it has made: also what lies in lists, dicts, plain objects
    try:
        twin = copy.deepcopy(model, memo)
    except Exception as error:  # whatever the user's attributes raise: open files, locks, results with a graph
        found = f"{type(error).__name__}: {str(error)[:200]}"
        do = "keep only modules, tensors and plain values as attributes of the model"
        raise InputError(f"a copy of the {type(model).__name__} to train", found, do) from error
    tensors = tuple(part for part in memo.values() if isinstance(part, Tensor))
    return Copied(twin, tensors, tuple(t for t in tensors if t.requires_grad and t.is_leaf))


def replace_encoder(
    twin: Copied, factor: float = 1.0, hidden: Sequence[int] | None = None, posterior: str | None = None
) -> Copied:
    """Put a new, untrained encoder into a copied reference model; draws from torch's global generator.

    Args:
        twin: the copy, whose model is changed in place.
        factor: of the encoder's hidden sizes (or channels); 1 keeps them.
        hidden: these in their place, () for none (of fully connected models); None keeps them.
        posterior: the family of its q(z|x), a key of ``gapkit.models.heads.HEADS``; None keeps it.

    Raises:
        InputError: not a reference model, no hidden layers to widen, or sizes or a family that it cannot have.
    """
    model = twin.model
    builder, config = getattr(model, "builder", None), getattr(model, "config", None)
    if builder is None or config is None:
        found = f"a {type(model).__name__}, whose encoder gapkit does not know how to build"
        raise InputError("a new encoder", found, "fine-tune the one it has (fine_tune), or use a model of gapkit train")
    sizes = {name: config[name] for name in _SIZES if config.get(name)}
    if factor != 1 and not sizes:
        raise InputError("a larger encoder", "one without hidden layers", "use start fresh")
    other: dict[str, Any] = {
        name: [max(size + (factor > 1), round(factor * size)) for size in old] for name, old in sizes.items()
    }
    if hidden is not None:
        other[next(name for name in reversed(_SIZES) if name in config)] = hidden
    if posterior is not None and posterior != config["posterior"]:
        other |= {"posterior": posterior, "posterior_options": None}
    source = build(builder, **{**config, **other})
    encoder: nn.Module = source.get_submodule("encoder")
    place = next(model.encoder.parameters())
    model.encoder = encoder.to(device=place.device, dtype=place.dtype)
    model.encoder_output, model.config = source.encoder_output, source.config
    return Copied(model, twin.tensors, (*twin.weights, *model.encoder.parameters()))


def split_weights(
    model: LatentModel, points: Loaded, weights: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Sort out the encoder's weights by where gradients go.

    Args:
        model: with gradients to ``weights`` on; draws come from torch's global generator.
        points: a few datapoints.
        weights: candidates.

    Returns:
        The encoder's own weights, and those of the encoder that the decoder or the prior depend on as well.

    Raises:
        InputError: q(z|x) has no reparametrised draws.
    """
    x, c = points.x, points.condition
    q = encode_with(model, x, c)
    if not q.has_rsample:
        found = f"encode returned {name_of(q)}, which has none"
        raise InputError("reparametrised draws of q(z|x)", found, "return a distribution with rsample, such as Normal")
    both = getattr(q, "rsample_and_log_prob", None)  # a q may know the density of its own draws only
    z, log_q = both() if both is not None else (q.rsample(), None)
    log_q = q.log_prob(z) if log_q is None else log_q
    in_encoder = _reached(z.sum() + log_q.sum(), weights)
    still = z.detach()
    log_joint = decode_with(model, still, c).log_prob(x).sum() + prior_with(model, c).log_prob(still).sum()
    in_joint = _reached(log_joint, weights)
    pairs = list(zip(weights, in_encoder, in_joint, strict=True))
    own = tuple(weight for weight, encodes, decodes in pairs if encodes and not decodes)
    return own, tuple(weight for weight, encodes, decodes in pairs if encodes and decodes)


def _reached(output: Tensor, weights: Sequence[Tensor]) -> list[bool]:
    """Whether each weight receives a gradient from a scalar."""
    if not output.requires_grad or not weights:
        return [False] * len(weights)
    return [gradient is not None for gradient in torch.autograd.grad(output, weights, allow_unused=True)]
