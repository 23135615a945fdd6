"""What mends a model whose methods fail, or do not fit each other, as far as tries tell."""

import contextlib
import inspect
import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree, rows_of
from gapkit.inputs.traces import MEND, is_slip
from gapkit.models.conditions import encode_with
from gapkit.models.protocol import LatentModel

__all__ = ["model_dtypes", "prior_remedy", "remedy"]

_DTYPES = (torch.float32, torch.float64)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_AXIS = "give the latent an axis, as in Independent(Gamma(a.unsqueeze(-1), b.unsqueeze(-1)), 1)"


def model_dtypes(model: object, x: Tensor) -> list[torch.dtype]:
    """Floating-point types to try, the likeliest first."""
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()] if isinstance(model, nn.Module) else []
    if dtypes and dtypes[0] not in _DTYPES:
        raise InputError("a model in float32 or float64", f"weights in {dtypes[0]}", "convert it: model.float()")
    if dtypes:
        return dtypes[:1]
    own = [x.dtype] if x.dtype in _DTYPES else []
    return list(dict.fromkeys([*own, *_DTYPES]))


def remedy(model: LatentModel, x: Tensor, step: str, condition: Tree, reason: Exception) -> str:
    """What mends a method that failed, as far as its signature, the error and a try with whole numbers tell.

    Args:
        model: whose it is.
        x: data, shape (N, *x_shape).
        step: its name.
        condition: one row for each datapoint, or None.
        reason: what it raised.
    """
    method = getattr(model, step)
    with contextlib.suppress(TypeError, ValueError):  # some callables have no signature
        needed = [
            name
            for name, parameter in inspect.signature(method).parameters.items()
            if parameter.default is parameter.empty and parameter.kind in _POSITIONAL
        ]
        if len(needed) == 2 and condition is None:
            return (
                f"{step} needs {', '.join(needed)}: give the second for every datapoint as its condition (condition= "
                "in Python, --condition NAME on the command line)"
            )
        if len(needed) > 1 + (condition is not None):
            return (
                f"{step} needs {', '.join(needed)}, and is given one argument and a condition: make those beyond the "
                "first one tuple or mapping (condition=), and take it apart in the model"
            )
    if step == "encode" and x.dim() == 2 and (image := _image_that_fits(model, x, condition)) is not None:
        sizes = ", ".join(map(str, image))
        return f"encode takes images, and the data are flat: x = x.reshape(-1, {sizes}) first in encode"
    if step == "encode" and not bool((x != x.round()).any()):
        for whole in (x[:2].long(), x[:2].flatten(1).long()):
            try:
                with torch.no_grad():
                    encode_with(model, whole, rows_of(condition, slice(2)))
            except Exception:
                continue
            return "encode wants whole numbers, and data arrive as floating-point ones: x = x.long() first in encode"
    if is_slip(reason):
        return MEND
    if step == "decode" and _without_axis(model, x, condition):
        return f"decode is given z of shape (N,), since q(z|x) has event shape (): {_AXIS}"
    return "check the data's shape and how the model is built"


def _without_axis(model: LatentModel, x: Tensor, condition: Tree) -> bool:
    """Whether the latent of a datapoint is a number, and not a vector of one."""
    for dtype in model_dtypes(model, x):
        with contextlib.suppress(Exception), torch.no_grad():  # of the user's own code
            return encode_with(model, x[:2].to(dtype), rows_of(condition, slice(2))).event_shape == ()
    return False


def _image_that_fits(model: LatentModel, x: Tensor, condition: Tree) -> tuple[int, ...] | None:
    """The shape of a square image that encode takes, grey or in colours, channels first; None for none."""
    for channels in (1, 3):
        side = math.isqrt(x.shape[1] // channels)
        if channels * side * side != x.shape[1]:
            continue
        for dtype in model_dtypes(model, x):
            with contextlib.suppress(Exception), torch.no_grad():  # of the user's own code
                encode_with(model, x[:2].to(dtype).reshape(2, channels, side, side), rows_of(condition, slice(2)))
                return channels, side, side
    return None


def prior_remedy(prior: object, q: Distribution) -> str:
    """What makes a prior one of the latents."""
    if isinstance(prior, Distribution) and not q.event_shape and prior.event_shape.numel() == 1:
        return f"a datapoint's latent is a number for encode and a vector of one for the prior: in encode {_AXIS}"
    if isinstance(prior, Distribution) and prior.batch_shape + prior.event_shape != q.event_shape:
        return f"make the prior of latents of shape {tuple(q.event_shape)}, or those of encode as the prior's"
    return f"wrap a factorised prior in torch.distributions.Independent(prior, {len(q.event_shape)})"
