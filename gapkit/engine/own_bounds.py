"""Bounds of one's own as columns: refused early where a name would mislead, and left out alone where one fails."""

import dataclasses
import inspect
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.randomness import Key
from gapkit.core.trees import mapped
from gapkit.engine.skipped import left_out
from gapkit.estimators import Bound, Estimate, Estimator
from gapkit.families.protocol import Posterior
from gapkit.ladder import Further, quantity
from gapkit.results.run_schema import NUMBERS, WORDS
from gapkit.target import Target

__all__ = ["checked_bounds", "described", "facts", "measured", "warn_of_skipped"]

# Columns that are no quantities, and no beginning of their names either.
_COLUMNS = (*NUMBERS, *WORDS, "label", "log_px_source", "ais_upper", "left", "gain")
_LONGEST = 60  # characters of a name or a label
_SIDES = {
    Bound.LOWER.value: "A lower bound: on average not above log p(x).",
    Bound.EXACT.value: "Its average is log p(x) itself.",
    Bound.UPPER.value: "An upper bound: on average not below log p(x).",
}


def checked_bounds(bounds: Mapping[str, Estimator]) -> dict[str, Estimator]:
    """The bounds, if each has a name that makes a column of its own and is an estimator.

    Raises:
        InputError: not a plain identifier, a name that another column has or may have, or not an estimator.
    """
    if not isinstance(bounds, Mapping):
        raise InputError(
            f"bounds={bounds!r:.80}", f"a {type(bounds).__name__}", 'give them by name: bounds={"renyi": MyBound()}'
        )
    for name, estimator in bounds.items():
        asked, do = f"a bound named {name!r:.80}", "use a short name of letters, such as renyi"
        if not (isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= _LONGEST):
            raise InputError(asked, "names of columns are letters, digits and underscores", do)
        if quantity(name).kind != "other" or quantity(name).meaning or name in _COLUMNS or name.endswith("_se"):
            raise InputError(asked, "another column of the table has that name, or may have it", do)
        if inspect.isclass(estimator) or not callable(getattr(estimator, "on", None)):
            found = f"{estimator!r:.80}, which has no method on(target, q, key)"
            raise InputError(asked, found, "give an object of a class that is derived from gapkit.Estimator")
    return dict(bounds)


def measured(
    bounds: Mapping[str, Estimator], target: Target, q: Posterior, key: Key
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """The bounds of B datapoints with the encoder's q, in nats; NaN for one that fails, and why.

    Args:
        bounds: by name.
        target: of the datapoints.
        q: the encoder's.
        key: seed and indices.
    """
    found, skipped = {}, dict[str, str]()
    # Data of their own, so that one that writes into them changes no other number.
    if bounds:
        own = mapped(target.condition, Tensor.clone)
        target = Target(target.model, target.x.clone(), like=target, condition=own)
    for name, estimator in bounds.items():
        unknown = torch.full((target.num_datapoints,), torch.nan, dtype=torch.float64)
        found[name] = Estimate(unknown, unknown, Bound.LOWER)
        with left_out(name, skipped), torch.no_grad():
            # Nobody subtracts them draw by draw, and a unit may hold many.
            found[name] = replace(_sound(estimator.on(target, q, key), target.num_datapoints), draws=None)
    return found, skipped


def _sound(estimate: Any, count: int) -> Estimate:
    """An estimate as a table wants it.

    Raises:
        InputError: no estimate, or not of B datapoints.
    """
    asked, do = "an estimate for each datapoint", "return gapkit.Estimate.from_draws(value, draws, bound)"
    if not isinstance(estimate, Estimate) or not isinstance(estimate.bound, Bound):
        raise InputError(asked, f"a {type(estimate).__name__}", do)
    for values in (estimate.value, estimate.std_error, *estimate.diagnostics.values()):
        if not isinstance(values, Tensor) or values.shape != (count,):
            found = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
            raise InputError(asked, f"{found} for {count} datapoints", do)
    for name in estimate.diagnostics:
        if name == "se" or not name.isidentifier():
            raise InputError("a diagnostic beside an estimate", f"the name {name!r:.60}", "use another word, as khat")
    return estimate


def described(bounds: Mapping[str, Estimator], sides: Mapping[str, str]) -> tuple[Further, ...]:
    """What tables and reports say of the bounds, also where nobody knows the estimators.

    Args:
        bounds: by name.
        sides: of log p(x) on which they lie, by name.
    """
    parts = []
    for name, estimator in bounds.items():
        side, label = sides.get(name, ""), _label(estimator) or name
        meaning = " ".join(filter(None, (_first_line(estimator), _SIDES.get(side, ""))))
        shown = f"{label} (upper bound)" if side == Bound.UPPER.value else label
        parts.append(Further("estimate", name, shown, meaning, side))
    return tuple(parts)


def _label(estimator: Estimator) -> str:
    """In a line, and short enough for what is said of an upper bound behind it."""
    return " ".join(str(getattr(estimator, "label", "")).split())[: _LONGEST - 14]


def _first_line(estimator: Estimator) -> str:
    """Of the docstring of its class; a dataclass without any has its signature there, which says nothing."""
    kind = type(estimator)
    line = (kind.__doc__ or "").strip().partition("\n")[0].strip()
    if not line or line.startswith(f"{kind.__name__}("):
        return ""
    return line if line.endswith(".") else f"{line}."


def facts(bounds: Mapping[str, Estimator]) -> dict[str, Any]:
    """What ``run.json`` keeps: the class and the settings of each."""
    found = {}
    for name, estimator in bounds.items():
        names: list[str] = (
            [part.name for part in dataclasses.fields(estimator)] if dataclasses.is_dataclass(estimator) else []
        )
        settings = {part: _plain(getattr(estimator, part)) for part in names}
        found[name] = {"estimator": type(estimator).__name__, "settings": settings}
    return found


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else f"{value!r:.200}"


def warn_of_skipped(split: str, skipped: Mapping[str, str]) -> None:
    """Say once which bounds have no values somewhere, and why."""
    for name, why in skipped.items():
        warnings.warn(f"the bound {name} has no value for some of {split}: {why}", GapkitWarning, stacklevel=3)
