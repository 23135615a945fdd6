"""Further encoders of the analysed decoder: refused before any work where a column of theirs would mislead."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch

from gapkit.core.datapoints import Loaded
from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.doctor import ENCODER_CHECKS, examine, moved_to, told
from gapkit.doctor.contract import decode_one
from gapkit.inputs.traces import place_of
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.training.compare_encoders import require_one_decoder

__all__ = ["check_encoder_names", "check_encoders", "in_place"]

_ANALYSED = "the analysed model"


def check_encoder_names(names: Mapping[str, object]) -> None:
    """Refuse names that make no columns, or columns that others have.

    Raises:
        InputError: not a plain identifier; or ``elbo_NAME`` is L[q*] of a family, or an error ``*_se``.
    """
    for name in names:
        asked, do = f"a further encoder named {name!r}", "use a short name of letters, such as refit"
        if not (name.isidentifier() and name.isascii()):
            raise InputError(asked, "names of columns are letters, digits and underscores", do)
        if name == "star" or name.startswith("star_") or name == "se" or name.endswith("_se"):
            raise InputError(asked, f"elbo_{name} is another column of the table, or may be", do)


@contextlib.contextmanager
def in_place(encoders: Mapping[str, LatentModel], device: torch.device) -> Iterator[None]:
    """Freeze further encoders and compute on a device with them; all are as before afterwards."""
    with contextlib.ExitStack() as stack:
        for model in encoders.values():
            stack.enter_context(frozen(model))
            stack.enter_context(moved_to(model, device))
        yield


def check_encoders(
    model: LatentModel,
    encoders: Mapping[str, LatentModel],
    points: Loaded,
    key: Key,
    allow: Sequence[str] = (),
) -> None:
    """Refuse encoders that do not belong to the analysed model's decoder.

    Args:
        model: the analysed model; it and the encoders are frozen and where the data are.
        encoders: by name.
        points: N datapoints in the form that the analysed model wants.
        key: of the latents at which decoders are compared.
        allow: names of checks that may fail.

    Raises:
        InputError: an object without the model contract, or one that refuses the data, or whose latents or
            log p(x, z) are not those of the analysed model.
    """
    for name, other in encoders.items():
        asked, do = f"the further encoder {name}", "give a model with the analysed decoder, such as one of gapkit refit"
        for method in ("encode", "decode", "prior"):
            if not callable(getattr(other, method, None)):
                raise InputError(asked, f"{type(other).__name__} has no {method}()", do)
        try:
            decode_one(other, points[:2].x, condition=points[:2].condition)
        except InputError as error:
            raise InputError(f"{asked}: {error.asked}", error.found, error.do) from error
        except Exception as error:  # any error, also of the user's own code
            found = f"it refused the data: {type(error).__name__}: {str(error).strip()[:300]}{place_of(error)}"
            raise InputError(asked, found, do) from error
        try:
            told(examine(other, points, allow=allow, only=ENCODER_CHECKS), f"encoder {name}: ")
        except InputError as error:
            raise InputError(f"{asked}: {error.asked}", error.found, error.do) from error
    if encoders:
        require_one_decoder({_ANALYSED: model, **encoders}, points.x, key, points.condition)
