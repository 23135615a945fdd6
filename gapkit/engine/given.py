"""What an analysis is given beside the model and the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gapkit.estimators import Estimator
from gapkit.ladder import STANDARD, Ladder
from gapkit.models.protocol import LatentModel

__all__ = ["Given"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What an analysis is given beside the model and the settings, see :func:`gapkit.analyze`.

    Attributes:
        x: data, or several by the name of their split.
        labels: class labels, in the same way.
        other_x: data whose encodings serve as starts.
        encoder_x: what the encoder is given in place of ``x``.
        original_x: the data before they were binarised.
        condition: c of a conditional model, or several by the name of their split.
        allow: names of checks that do not stop the analysis.
        encoders: further encoders by name.
        bounds: further estimators by name.
        ladder: rungs and gaps; encoders may stand on it.
        device: where to compute.
    """

    x: Any
    labels: Any = None
    other_x: Any = None
    encoder_x: Any = None
    original_x: Any = None
    condition: Any = None
    allow: Sequence[str] = ()
    encoders: Mapping[str, LatentModel] = field(default_factory=dict)
    bounds: Mapping[str, Estimator] = field(default_factory=dict)
    ladder: Ladder = STANDARD
    device: torch.device | str = "cpu"
