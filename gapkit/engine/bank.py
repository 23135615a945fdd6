"""The starts that all datapoints of a run share."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gapkit.core.datapoints import Datapoints, Loaded
from gapkit.core.errors import InputError
from gapkit.doctor import fit_to_model
from gapkit.engine.skipped import out_of_memory
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import posterior_of
from gapkit.local import Bank, build_bank
from gapkit.target import Target

__all__ = ["build_shared_bank"]

_AT_ONCE = 1000


def build_shared_bank(
    like: Target, ready: Mapping[str, Datapoints], other_x: Tensor | None, spec: AnalysisSpec
) -> Bank | None:
    """Starts shared by all datapoints: prior draws, and encodings of other data or, without any, of these.

    All data are in the form that the encoder is given.
    """
    if spec.fit.num_starts == 0:
        return None
    sources: list[Datapoints] = list(ready.values())
    if other_x is not None:
        if like.condition is not None:
            asked, found = "other_x for the starts of a conditional model", "nobody knows its conditions"
            raise InputError(asked, found, "leave other_x out; the analysed data serve in its place")
        sources = [Datapoints.of(fit_to_model(like.model, torch.as_tensor(other_x)[: spec.bank_data].to(like.device)))]
    loc = []
    with torch.no_grad():
        for data in sources:
            most = min(len(data), spec.bank_data)
            loc += [_locations(like, data[at : min(at + _AT_ONCE, most)]) for at in range(0, most, _AT_ONCE)]
    return build_bank(like, torch.cat(loc), spec.bank_prior, spec.seed)


def _locations(like: Target, points: Loaded) -> Tensor:
    """Where the encoder puts data, shape (N, D); half as many at once where it fails, NaN for one of which it fails."""
    try:
        return posterior_of(like.model, points).loc
    except Exception as error:  # of the user's own code: what fails on a datapoint is told of its unit
        if len(points) < 2:
            if out_of_memory(error):
                raise
            return torch.full((1, like.dim), torch.nan, dtype=like.dtype, device=like.device)
    half = len(points) // 2
    return torch.cat([_locations(like, points[:half]), _locations(like, points[half:])])
