"""Everything that is checked before any work: the model keeps the contract, and the data fit the model."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree, rows_of
from gapkit.doctor.remedy import model_dtypes, prior_remedy, remedy
from gapkit.inputs.traces import place_of
from gapkit.models.conditions import decode_with, encode_with, prior_with
from gapkit.models.naming import name_of
from gapkit.models.parameters import faulty
from gapkit.models.posterior import refuse_codes
from gapkit.models.priors import log_prob, moved
from gapkit.models.protocol import LatentModel
from gapkit.models.pulled import in_reals
from gapkit.models.support import check_support
from gapkit.models.unfit import no_family
from gapkit.models.unvalidated import unvalidated
from gapkit.target import recognise

__all__ = ["decode_one", "fit_to_model", "prepare", "require_support"]

_ROWS_CHECKED = 500
_CONTRACT = (
    "an object with encode(x) -> Distribution, decode(z) -> Distribution and prior() -> Distribution "
    "(gapkit.from_pair wraps an ordinary encoder and decoder)"
)


def prepare(model: LatentModel, x: Tensor, device: torch.device | str = "cpu", condition: Tree = None) -> Tensor:
    """Check model and data against each other and return the data as the model wants them.

    The model is expected to be frozen already. Data are moved to the device and the model's floating-point type, and
    reshaped where the decoder's distribution has the same number of values in another shape.

    Args:
        model: an object of the model contract.
        x: data, shape (N, *x_shape).
        device: where to compute.
        condition: one row for each datapoint, on the device, for a conditional model.

    Returns:
        Data of shape (N, *event_shape of decode).

    Raises:
        InputError: the contract is broken, the data are empty, not finite, of the wrong size, or outside the
            likelihood's support.
    """
    for name in ("encode", "decode", "prior"):
        if not callable(getattr(model, name, None)):
            found, do = f"{type(model).__name__} has no {name}()", "add the method"
            if callable(getattr(type(model), name, None)):
                found = f"an attribute {name} of this {type(model).__name__} hides its method {name}()"
                do = "give the attribute another name (it may be set in the __init__ of a base class)"
            raise InputError(f"a model: {_CONTRACT}", found, do)
    if not isinstance(x, Tensor) or x.dim() < 1 or x.shape[0] == 0 or x[0].numel() == 0:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise InputError("data of shape (N, ...) with N >= 1", f"{shape}", "give at least one datapoint as a tensor")
    bad = ~x.isfinite().flatten(1).all(1) if x.dim() > 1 else ~x.isfinite()
    if bad.any():
        first = int(bad.nonzero()[0])
        raise InputError(
            "finite data", f"NaN or infinity in {int(bad.sum())} datapoints, first in {first}", "clean them"
        )
    x = fit_to_model(model, x.to(device), condition)
    require_support(model, x, condition)
    return x


def require_support(model: LatentModel, x: Tensor, condition: Tree = None) -> None:
    """Refuse values that p(x|z) gives no probability.

    Args:
        model: an object of the model contract.
        x: data in the form that it wants, shape (N, *x_shape).
        condition: one row for each.

    Raises:
        InputError: there are such values.
    """
    # Bounds of a support may differ from datapoint to datapoint, so each is checked against its own distribution.
    for rows in torch.arange(len(x), device=x.device).split(_ROWS_CHECKED):
        try:
            _check_rows(model, x, condition, rows)
        except InputError:
            raise
        except Exception:  # of the user's own code: a datapoint of which it fails is told by the engine, alone
            failed = [row for row in rows.split(1) if not _checked(model, x, condition, row)]
            if len(failed) == len(rows):
                raise


def _check_rows(model: LatentModel, x: Tensor, condition: Tree, rows: Tensor) -> None:
    part = x[rows]
    check_support(decode_one(model, part, condition=rows_of(condition, rows)), part)


def _checked(model: LatentModel, x: Tensor, condition: Tree, row: Tensor) -> bool:
    """Whether the model could say something of a datapoint.

    Raises:
        InputError: what it said is no probability.
    """
    try:
        _check_rows(model, x, condition, row)
    except InputError:
        raise
    except Exception:  # as above
        return False
    return True


def fit_to_model(model: LatentModel, x: Tensor, condition: Tree = None) -> Tensor:
    """Return the data in the type and shape that encode accepts and decode's distribution describes.

    Raises:
        InputError: no type and shape works; the message says what went wrong in the try that came furthest.
    """
    numel = x[0].numel()
    shapes: list[tuple[int, ...]] = [tuple(x.shape[1:]), (numel,)]
    own = getattr(model, "x_shape", None)
    if own is not None:
        shapes.insert(0, tuple(own))
    if x.dim() == 3:
        shapes.append((1, *x.shape[1:]))
    furthest, reason = -1, Exception()
    few = rows_of(condition, slice(2))
    for dtype in model_dtypes(model, x):
        for shape in dict.fromkeys(shapes):
            if torch.Size(shape).numel() != numel:
                continue
            trial = x.to(dtype).reshape(-1, *shape)
            steps: list[str] = []
            try:
                decoded = decode_one(model, trial[:2], steps, few)
                event = decoded.event_shape
                if event.numel() != numel:
                    found = f"decode describes {event.numel()} values of shape {tuple(event)}"
                    do = "check the data and how the model is built"
                    raise InputError(f"a decoder of {numel} values, as the data have", found, do)
            except Exception as error:  # any error, also of the user's own code: another shape may suit it
                # What is refused in words came further than what torch refused in the same step.
                came = 2 * len(steps) + isinstance(error, InputError)
                if came > furthest:
                    furthest, reason = came, error
                continue
            return trial if trial.shape[1:] == event else _keep_if_encodable(model, trial, event, few)
    if isinstance(reason, InputError):
        raise reason
    step = ("encode", "decode", "prior")[min(furthest // 2, 2)]
    raise InputError(
        f"data of {tuple(x.shape[1:])} per datapoint that the model can encode and decode",
        f"{step} failed: {type(reason).__name__}: {str(reason).strip()[:600]}{place_of(reason)}",
        remedy(model, x, step, condition, reason),
    ) from reason


def _keep_if_encodable(model: LatentModel, x: Tensor, event: torch.Size, few: Tree) -> Tensor:
    """Data in decode's shape, if encode accepts that shape too."""
    reshaped = x.reshape(-1, *event)
    try:
        decode_one(model, reshaped[:2], condition=few)
    except Exception as error:
        raise InputError(
            "data in one shape for encode and decode",
            f"encode takes {tuple(x.shape[1:])} but decode describes {tuple(event)}",
            "reshape inside encode, so that it accepts what decode describes",
        ) from error
    return reshaped


def decode_one(model: LatentModel, x: Tensor, steps: list[str] | None = None, condition: Tree = None) -> Distribution:
    """Return p(x|z) at the location of q(z|x) for data that are in the model's form: one pass through the contract.

    Args:
        model: an object of the model contract.
        x: data, shape (B, *x_shape).
        steps: takes the names of the methods that kept the contract, as they are called.
        condition: one row for each.

    Raises:
        InputError: one of the three methods returns something else than the contract says.
    """
    steps = [] if steps is None else steps
    with torch.no_grad(), unvalidated():
        q = encode_with(model, x.clone(), condition)  # an encoder may write into its input
        refuse_codes(q)
        _expect(q, "encode", x.shape[0])
        real, to_latents = in_reals(q)
        try:
            place = recognise(real).loc
        except InputError as error:
            raise no_family(q) from error  # of what encode returned, and not of what is left of it in coordinates
        shape = q.event_shape if to_latents is None else to_latents.inverse_shape(q.event_shape)
        z = place.reshape(-1, *shape)
        z = z if to_latents is None else to_latents(z)
        steps.append("encode")
        decoded = decode_with(model, z, condition)
        _expect(decoded, "decode", x.shape[0])
        steps.append("decode")
        prior = prior_with(model, condition)
        allowed: tuple[tuple[int, ...], ...] = ((), (len(x),)) if condition is not None else ((),)
        fits = isinstance(prior, Distribution) and prior.event_shape == q.event_shape
        if not fits or tuple(prior.batch_shape) not in allowed:
            asked = f"prior() with batch shape () and event shape {tuple(q.event_shape)}, the latent's"
            raise InputError(asked, _describe(prior), prior_remedy(prior, q))
        if words := faulty(prior):
            do = "give it what it takes: exp or softplus of a number that is read as a scale"
            raise InputError("p(z) with parameters such as its distribution takes", words, do)
        log_prob(moved(prior, z.dtype, z.device), z)
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
        return f"{name_of(dist)} with {shapes}"
    return f"an object of type {type(dist).__name__}"
