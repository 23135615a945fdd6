"""Everything that is checked before any work: the model keeps the contract, and the data fit the model."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from gapkit.checks import GapkitWarning, InputError
from gapkit.families import recognise
from gapkit.models.freeze import layer_warnings
from gapkit.models.protocol import LatentModel
from gapkit.models.support import check_support
from gapkit.models.target import unvalidated

__all__ = ["checked_device", "fit_to_model", "model_dtypes", "moved_to", "prepare"]

_ROWS_CHECKED = 500
_DTYPES = (torch.float32, torch.float64)
_CONTRACT = (
    "an object with encode(x) -> Distribution, decode(z) -> Distribution and prior() -> Distribution "
    "(gapkit.from_pair wraps an ordinary encoder and decoder)"
)


def checked_device(device: torch.device | str) -> torch.device:
    """Return a device that exists here.

    Raises:
        InputError: an unknown name, or CUDA where there is none.
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {device}", str(error).splitlines()[0], "use cpu, cuda or cuda:N") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device}", "CUDA is not available here", "use --device cpu")
    return found


def prepare(model: LatentModel, x: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Check model and data against each other and return the data as the model wants them.

    The model is expected to be frozen already. Data are moved to the device and the model's floating-point type, and
    reshaped where the decoder's distribution has the same number of values in another shape.

    Args:
        model: an object of the model contract.
        x: data, shape (N, *x_shape).
        device: where to compute.

    Returns:
        Data of shape (N, *event_shape of decode).

    Raises:
        InputError: the contract is broken, the data are empty, not finite, of the wrong size, or outside the
            likelihood's support.
    """
    for name in ("encode", "decode", "prior"):
        if not callable(getattr(model, name, None)):
            raise InputError(f"a model: {_CONTRACT}", f"{type(model).__name__} has no {name}()", "add the method")
    if not isinstance(x, Tensor) or x.dim() < 1 or x.shape[0] == 0 or x[0].numel() == 0:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise InputError("data of shape (N, ...) with N >= 1", f"{shape}", "give at least one datapoint as a tensor")
    bad = ~x.isfinite().flatten(1).all(1) if x.dim() > 1 else ~x.isfinite()
    if bad.any():
        first = int(bad.nonzero()[0])
        raise InputError(
            "finite data", f"NaN or infinity in {int(bad.sum())} datapoints, first in {first}", "clean them"
        )
    x = fit_to_model(model, x.to(device))
    # Bounds of a support may differ from datapoint to datapoint, so each is checked against its own distribution.
    for part in x.split(_ROWS_CHECKED):
        check_support(decode_one(model, part), part)
    for warning in layer_warnings(model):
        warnings.warn(warning, GapkitWarning, stacklevel=2)
    return x


def model_dtypes(model: object, x: Tensor) -> list[torch.dtype]:
    """Floating-point types to try, the likeliest first."""
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()] if isinstance(model, nn.Module) else []
    if dtypes and dtypes[0] not in _DTYPES:
        raise InputError("a model in float32 or float64", f"weights in {dtypes[0]}", "convert it: model.float()")
    if dtypes:
        return dtypes[:1]
    own = [x.dtype] if x.dtype in _DTYPES else []
    return list(dict.fromkeys([*own, *_DTYPES]))


def fit_to_model(model: LatentModel, x: Tensor) -> Tensor:
    """Return the data in the type and shape that encode accepts and decode's distribution describes.

    Raises:
        InputError: no type and shape works; the message ends with what the model said.
    """
    numel = x[0].numel()
    shapes: list[tuple[int, ...]] = [tuple(x.shape[1:]), (numel,)]
    own = getattr(model, "x_shape", None)
    if own is not None:
        shapes.insert(0, tuple(own))
    if x.dim() == 3:
        shapes.append((1, *x.shape[1:]))
    first: Exception | None = None
    for dtype in model_dtypes(model, x):
        for shape in dict.fromkeys(shapes):
            if torch.Size(shape).numel() != numel:
                continue
            trial = x.to(dtype).reshape(-1, *shape)
            try:
                decoded = decode_one(model, trial[:2])
            except Exception as error:  # any error, also of the user's own code: another shape may suit it
                first = first or error
                continue
            event = decoded.event_shape
            if event.numel() != numel:
                found = f"decode describes {event.numel()} values of shape {tuple(event)}"
                first = InputError(f"a decoder of {numel} values, as the data have", found, "check --data and --model")
                continue
            return trial if trial.shape[1:] == event else _keep_if_encodable(model, trial, event)
    if isinstance(first, InputError):
        raise first
    wanted = f"data of {tuple(x.shape[1:])} per datapoint that the model can encode and decode"
    raise InputError(
        wanted,
        f"the model refused them: {type(first).__name__}: {str(first).strip()[:600]}",
        "check --data, --model and x's shape",
    ) from first


def _keep_if_encodable(model: LatentModel, x: Tensor, event: torch.Size) -> Tensor:
    """Data in decode's shape, if encode accepts that shape too."""
    reshaped = x.reshape(-1, *event)
    try:
        decode_one(model, reshaped[:2])
    except Exception as error:
        raise InputError(
            "data in one shape for encode and decode",
            f"encode takes {tuple(x.shape[1:])} but decode describes {tuple(event)}",
            "reshape inside encode, so that it accepts what decode describes",
        ) from error
    return reshaped


def decode_one(model: LatentModel, x: Tensor) -> Distribution:
    """Return p(x|z) at the location of q(z|x) for data that are in the model's form: one pass through the contract.

    Raises:
        InputError: one of the three methods returns something else than the contract says.
    """
    with torch.no_grad(), unvalidated():
        q = model.encode(x)
        _expect(q, "encode", x.shape[0])
        z = recognise(q).loc.reshape(-1, *q.event_shape)
        decoded = model.decode(z)
        _expect(decoded, "decode", x.shape[0])
        prior = model.prior()
        if not isinstance(prior, Distribution) or prior.event_shape != q.event_shape or prior.batch_shape != ():
            found = _describe(prior)
            raise InputError(
                f"prior() with batch shape () and event shape {tuple(q.event_shape)}, the latent's",
                found,
                "wrap a factorised prior in torch.distributions.Independent(prior, 1)",
            )
    return decoded


def _expect(dist: object, method: str, batch: int) -> None:
    if isinstance(dist, Distribution) and dist.batch_shape == (batch,):
        _expect_unvalidated(dist, method)
        return
    raise InputError(
        f"{method}() returning a torch Distribution with batch shape ({batch},) for {batch} inputs",
        _describe(dist),
        "wrap factorised distributions in torch.distributions.Independent(dist, number_of_event_dims); if the model "
        "returns plain tensors, --likelihood NAME (or gapkit.from_pair) makes distributions of them",
    )


def _expect_unvalidated(dist: Distribution, method: str) -> None:
    """Validation that is asked for explicitly would turn one undefined latent into an error for all datapoints."""
    inner: object = dist
    while isinstance(inner, Distribution):
        if vars(inner).get("_validate_args"):
            found = f"{method}() passes validate_args=True to {type(inner).__name__}"
            raise InputError("distributions whose arguments gapkit checks itself", found, "leave validate_args out")
        inner = getattr(inner, "base_dist", None)


def _describe(dist: object) -> str:
    if isinstance(dist, Distribution):
        shapes = f"batch shape {tuple(dist.batch_shape)} and event shape {tuple(dist.event_shape)}"
        return f"{type(dist).__name__} with {shapes}"
    return f"an object of type {type(dist).__name__}"


@contextmanager
def moved_to(model: LatentModel, device: torch.device) -> Iterator[None]:
    """Compute on a device and bring the model back. A model that is no module must be there already."""
    weights = list(model.parameters()) if isinstance(model, nn.Module) else []
    home = weights[0].device if weights else device
    if not isinstance(model, nn.Module) or home == device:
        yield
        return
    model.to(device)
    try:
        yield
    finally:
        model.to(home)
