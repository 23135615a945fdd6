"""Everything that is checked before an analysis, as a list: what is sound, and what is not and what mends it."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch

from gapkit.core.errors import InputError
from gapkit.core.phrases import listed
from gapkit.doctor import ASKED, CHECKS, checked_device, look, moved_to
from gapkit.doctor.findings import check_allowed
from gapkit.engine.encoders import check_encoder_names, in_place
from gapkit.engine.given import Given
from gapkit.engine.own_bounds import checked_bounds
from gapkit.engine.prepared import points_of, prepared
from gapkit.engine.spec import AnalysisSpec
from gapkit.models.conditions import prior_with, users_of_condition
from gapkit.models.coordinates import RealCoordinates, in_real_coordinates
from gapkit.models.encoding import encoded
from gapkit.models.freeze import frozen, training_layers
from gapkit.models.naming import name_of
from gapkit.models.protocol import LatentModel
from gapkit.target import Target, family_name, recognise

__all__ = ["Checked", "checkup"]


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at.

    Attributes:
        check: its name; those of ``gapkit.doctor.CHECKS`` can be given to ``--allow``.
        level: ``ok``, ``note``, ``warning``, ``allowed`` or ``error``.
        asked: what is needed, or what was looked at.
        found: what was found; empty where all is well.
        do: what mends it; empty where nothing has to be done.
    """

    check: str
    level: str
    asked: str
    found: str = ""
    do: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain values."""
        return dict(vars(self))


def checkup(model: LatentModel, given: Given, spec: AnalysisSpec) -> list[Checked]:
    """Check a model and data as before an analysis, and tell all of it.

    Args:
        model: an object of the model contract.
        given: data and all else.
        spec: settings.

    Returns:
        First the contract; where it is broken, nothing else can be looked at. Then every check, in order.
    """
    device = checked_device(given.device)
    with frozen(model), moved_to(model, device):
        try:
            data, another, _ = points_of(model, given, device)
            first = next(iter(data.values()))
            seen = first.some()
            model = in_real_coordinates(model, seen[:1].inputs, seen[:1].condition, strict=True)
            q = encoded(model, seen[:1].inputs, seen[:1].condition)
            family = family_name(recognise(q))
        except InputError as error:
            return [Checked("contract", "error", error.asked, error.found, error.do)]
        facts = _facts(model, seen, q, family)
        layers = training_layers(model)
        looked = look(model, seen, other_inputs=another, target_se=spec.evidence.target_se)
    allow = check_allowed(given.allow, CHECKS)
    lines = [Checked("contract", "ok", facts)]
    if layers:
        lines.append(Checked("mode", "ok", f"in evaluation mode, whatever they were in before: {listed(layers)}"))
    for name in CHECKS:
        finding = looked.findings.get(name)
        if finding is None:
            if name in looked.findings:
                lines.append(Checked(name, "ok", ASKED[name]))
            continue
        level = "allowed" if finding.level == "error" and name in allow else finding.level
        lines.append(Checked(name, level, finding.asked, finding.found, finding.do))
    if not any(line.level == "error" for line in lines):
        lines += _rest(model, given, spec, device)
    return lines


def _rest(model: LatentModel, given: Given, spec: AnalysisSpec, device: torch.device) -> list[Checked]:
    """What else an analysis refuses before its work: encoders, labels, families, bounds, other splits."""
    try:
        with frozen(model), moved_to(model, device), in_place(given.encoders, device), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_encoder_names(given.encoders)
            checked_bounds(given.bounds)
            prepared(model, given, spec, device)
    except InputError as error:
        return [Checked("request", "error", error.asked, error.found, error.do)]
    return []


def _facts(model: LatentModel, seen: Any, q: torch.distributions.Distribution, family: str) -> str:
    """What the model is, in a line."""
    target = Target(model, seen[:2].x, condition=seen[:2].condition)
    likelihood = name_of(target.decode(recognise(encoded(model, seen[:2].inputs, seen[:2].condition)).loc))
    own = model.inner if isinstance(model, RealCoordinates) else model
    prior = name_of(prior_with(own, seen[:2].condition))
    users = users_of_condition(model) if seen.condition is not None else ()
    beside = f", a condition in {', '.join(users)}" if users else ""
    size = q.event_shape.numel()
    latents = f"{size} latent{'' if size == 1 else 's'}"
    latents += f" of shape {tuple(q.event_shape)}" if len(q.event_shape) > 1 else ""
    return (
        f"x of shape {tuple(seen.x.shape[1:])}, {latents}, q(z|x) {family.replace('_', ' ')}, p(z) {prior}, p(x|z) "
        f"{likelihood}, {str(target.dtype).removeprefix('torch.')}{beside}"
    )
