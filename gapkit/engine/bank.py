"""The starts that all datapoints of a run share."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gapkit.doctor import fit_to_model
from gapkit.engine.inputs import Values
from gapkit.engine.skipped import out_of_memory
from gapkit.engine.spec import AnalysisSpec
from gapkit.local import Bank, build_bank
from gapkit.models.encoding import encoded
from gapkit.target import Target, recognise

__all__ = ["build_shared_bank"]

_AT_ONCE = 1000


def build_shared_bank(
    like: Target, ready: Mapping[str, Values], other_x: Tensor | None, spec: AnalysisSpec
) -> Bank | None:
    """Starts shared by all datapoints: prior draws, and encodings of other data or, without any, of these.

    All data are in the form that the encoder is given.
    """
    if spec.fit.num_starts == 0:
        return None
    sources: list[Values] = [*ready.values()]
    if other_x is not None:
        sources = [fit_to_model(like.model, torch.as_tensor(other_x)[: spec.bank_data].to(like.device))]
    loc = []
    with torch.no_grad():
        for data in sources:
            most = min(len(data), spec.bank_data)
            loc += [_locations(like, data[at : min(at + _AT_ONCE, most)]) for at in range(0, most, _AT_ONCE)]
    return build_bank(like, torch.cat(loc), spec.bank_prior, spec.seed)


def _locations(like: Target, x: Tensor) -> Tensor:
    """Where the encoder puts data, shape (N, D); half as many at once where memory is too small."""
    try:
        return recognise(encoded(like.model, x)).loc
    except Exception as error:
        if len(x) < 2 or not out_of_memory(error):
            raise
    half = len(x) // 2
    return torch.cat([_locations(like, x[:half]), _locations(like, x[half:])])
