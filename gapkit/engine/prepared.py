"""Bring data and model together, and refuse before any work what cannot be analysed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.core.rows import some
from gapkit.doctor import Examination, examine, told
from gapkit.engine.curve import CurvePlan, plan_curve
from gapkit.engine.encoders import check_encoders
from gapkit.engine.forecast import warn_if_long
from gapkit.engine.inputs import Values, as_values, encoder_inputs, placed
from gapkit.engine.labels import check_labels
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.units import Unit, plan_units
from gapkit.local import order, split_family
from gapkit.models.encoding import encoded
from gapkit.models.protocol import LatentModel
from gapkit.results.records import Families
from gapkit.target import family_name, recognise

__all__ = ["Prepared", "prepared"]


@dataclass(frozen=True)
class Prepared:
    """What is to be analysed, on its device and checked: nothing of it is refused any more.

    Attributes:
        data: by split.
        inputs: what encoders are given, by split.
        examined: what the checks of the wiring found.
        classes: labels, by split.
        families: the encoder's, that of the split of the gap, and those fitted.
        units: by split.
        curve: where local steps are taken.
    """

    data: Mapping[str, Values]
    inputs: Mapping[str, Values]
    examined: Examination
    classes: Mapping[str, Any]
    families: Families
    units: Mapping[str, tuple[Unit, ...]]
    curve: CurvePlan

    @property
    def first(self) -> str:
        """The split that pictures and curves are made of."""
        return next(iter(self.data))


def prepared(
    model: LatentModel,
    splits: Mapping[str, Any],
    labels: Any,
    encoder_x: Any,
    original_x: Any,
    allow: Sequence[str],
    encoders: Mapping[str, LatentModel],
    spec: AnalysisSpec,
    device: torch.device,
) -> Prepared:
    """Bring the data to the model, and refuse before any work what cannot be analysed.

    Args:
        model: frozen and in its place.
        splits: data as they were given, by split.
        labels: see :func:`gapkit.analyze`, as all others.
        encoder_x: what encoders are given.
        original_x: the data before they were binarised.
        allow: checks that do not stop the work.
        encoders: further ones, in their place.
        spec: settings.
        device: where to compute.

    Raises:
        InputError: the model, the data, the labels or an encoder cannot be analysed together.
    """
    data = {name: placed(model, as_values(x), device) for name, x in splits.items()}
    first, sizes = next(iter(data)), {name: len(x) for name, x in data.items()}
    inputs = encoder_inputs(encoder_x, data) or data
    another = encoder_inputs(original_x, data, "original_x") if encoder_x is None else data
    seen, seen_inputs = some(data[first]), some(inputs[first])
    other_inputs = some(another[first]) if another else None
    target_se = spec.evidence.target_se
    examined = examine(model, seen, inputs=seen_inputs, other_inputs=other_inputs, allow=allow, target_se=target_se)
    told(examined)
    warn_if_long(spec, sum(sizes.values()), examined)
    classes = check_labels(labels, sizes)
    families = _families(model, seen_inputs, spec)
    key = Key(spec.seed, tuple(range(len(seen))))
    check_encoders(model, encoders, seen, key, seen_inputs, allow)
    units = {name: plan_units(size, spec.unit_size) for name, size in sizes.items()}
    curve = plan_curve(spec, first, sizes[first], families)
    return Prepared(data, inputs, examined, classes, families, units, curve)


def _families(model: LatentModel, x: Tensor, spec: AnalysisSpec) -> Families:
    """The encoder's family, that of the split, and all that are fitted: refused, before any work, if they cannot be.

    Raises:
        InputError: there is no fit for a family, or not for so many latents.
    """
    q = encoded(model, x[:1])
    own = family_name(recognise(q))
    split = split_family(own, spec.families)
    return Families(own, split, tuple(order(q.event_shape.numel(), split, spec.families)))
