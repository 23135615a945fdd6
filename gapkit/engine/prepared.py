"""Bring data and model together, and refuse before any work what cannot be analysed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gapkit.core.datapoints import Datapoints, Loaded
from gapkit.core.errors import InputError
from gapkit.core.findings import Finding
from gapkit.core.randomness import Key
from gapkit.core.rows import some
from gapkit.doctor import Examination, examine, told
from gapkit.engine.curve import CurvePlan, plan_curve
from gapkit.engine.encoders import check_encoders
from gapkit.engine.forecast import warn_if_long
from gapkit.engine.given import Given
from gapkit.engine.inputs import as_values, conditions_of, encoder_inputs, placed
from gapkit.engine.labels import check_labels
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.units import Unit, plan_units
from gapkit.inputs.data import unpacked
from gapkit.local import FITTERS, order, split_family
from gapkit.models.conditions import prior_with
from gapkit.models.coordinates import RealCoordinates, in_real_coordinates
from gapkit.models.encoding import encoded
from gapkit.models.protocol import LatentModel
from gapkit.models.pulled import coordinates_of
from gapkit.models.unfit import other_set
from gapkit.results.records import Families
from gapkit.target import family_name, recognise

__all__ = ["Prepared", "points_of", "prepared"]


@dataclass(frozen=True)
class Prepared:
    """What is to be analysed, on its device and checked: nothing of it is refused any more.

    Attributes:
        model: as it is analysed: in real coordinates of its latents.
        encoders: further ones, in the same coordinates.
        data: by split.
        examined: what the checks of the wiring found.
        classes: labels, by split.
        families: the encoder's, that of the split of the gap, and those fitted.
        units: by split.
        curve: where local steps are taken.
    """

    model: LatentModel
    encoders: Mapping[str, LatentModel]
    data: Mapping[str, Datapoints]
    examined: Examination
    classes: Mapping[str, Any]
    families: Families
    units: Mapping[str, tuple[Unit, ...]]
    curve: CurvePlan

    @property
    def first(self) -> str:
        """The split that pictures and curves are made of."""
        return next(iter(self.data))


def prepared(model: LatentModel, given: Given, spec: AnalysisSpec, device: torch.device) -> Prepared:
    """Bring the data to the model, and refuse before any work what cannot be analysed.

    Args:
        model: frozen and in its place, as further encoders are.
        given: data and all else.
        spec: settings.
        device: where to compute.

    Raises:
        InputError: the model, the data, the labels, a condition or an encoder cannot be analysed together.
    """
    data, other_inputs, labels = points_of(model, given, device)
    first, sizes = next(iter(data)), {name: len(part) for name, part in data.items()}
    seen = data[first].some()
    model = in_real_coordinates(model, seen[:1].inputs, seen[:1].condition, strict=True)
    encoders = dict(given.encoders)
    if isinstance(model, RealCoordinates):
        encoders = {name: model.of(encoder) for name, encoder in encoders.items()}
    examined = examine(model, seen, other_inputs=other_inputs, allow=given.allow, target_se=spec.evidence.target_se)
    if isinstance(model, RealCoordinates):
        examined = replace(examined, findings=(*examined.findings, _seen_as(model)))
    told(examined)
    warn_if_long(spec, sum(sizes.values()), examined)
    classes = check_labels(labels, sizes)
    families = _families(model, seen, spec)
    key = Key(spec.seed, tuple(range(len(seen))))
    check_encoders(model, encoders, seen, key, given.allow)
    units = {name: plan_units(size, spec.unit_size) for name, size in sizes.items()}
    curve = plan_curve(spec, first, sizes[first], families)
    return Prepared(model, encoders, data, examined, classes, families, units, curve)


def _seen_as(model: RealCoordinates) -> Finding:
    """What the latents are in pictures and variances."""
    found = f"latents with bounds, or fixed functions of Gaussians: the analysis works on y = {model.words}"
    do = "nothing: bounds and gaps are those of z; pictures of latents, and what is said of single ones, are of y"
    return Finding("coordinates", "note", "latents in all of R^D", found, do)


def points_of(
    model: LatentModel, given: Given, device: torch.device
) -> tuple[dict[str, Datapoints], Tensor | None, Any]:
    """Data in the form that a model wants, by split.

    Args:
        model: frozen and in its place.
        given: data and all else.
        device: where to compute.

    Returns:
        Datapoints by split; another form of those of the first split (of a sample, where they are large), which the
        encoder may have been trained on, or None; and labels.

    Raises:
        InputError: model and data do not fit together.
    """
    x, labels = unpacked(given.x, given.labels)
    splits = dict(x) if isinstance(x, Mapping) else {"test": x}
    if not splits:
        raise InputError("data to analyse", "an empty mapping", "give at least one split")
    values = {name: as_values(part) for name, part in splits.items()}
    told_of = conditions_of(model, given.condition, values, device)
    x_of = {name: placed(model, part, device, told_of.get(name)) for name, part in values.items()}
    inputs = encoder_inputs(given.encoder_x, x_of) or x_of
    another = encoder_inputs(given.original_x, x_of, "original_x") if given.encoder_x is None else x_of
    data = {name: Datapoints.of(part, inputs[name], told_of.get(name)) for name, part in x_of.items()}
    return data, some(another[next(iter(data))]) if another else None, labels


def _families(model: LatentModel, points: Loaded, spec: AnalysisSpec) -> Families:
    """The encoder's family, that of the split, and all that are fitted: refused, before any work, if they cannot be.

    Raises:
        InputError: there is no fit for a family, or not for so many latents.
    """
    one = points[:1]
    q = encoded(model, one.inputs, one.condition)
    own = family_name(recognise(q))
    if own == "transformed" and not spec.families and coordinates_of(q) is not None:  # the prior left q without any
        refused = other_set(q, prior_with(model, one.condition))
        do = f"{refused.do}; or let the gaps compare families, with q* in another one (--family flow)"
        raise InputError(refused.asked, f"{refused.found}; of the family 'transformed' there is no fit", do)
    split = split_family(own, spec.families)
    for name in spec.families:
        if name != own and getattr(FITTERS[name], "within_encoders", False):
            found = f"an encoder of the family {own}, around whose q no member of {name} can be made"
            raise InputError(f"q* in the family {name}", found, "leave it out: use --family full_rank, flow or mixture")
    return Families(own, split, tuple(order(q.event_shape.numel(), split, spec.families)))
