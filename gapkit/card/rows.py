"""Which quantities a card shows, in the order of the ladder, and what they are called there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gapkit.summary import encoder_names

__all__ = ["GAPS", "RUNGS", "Line", "lines"]

RUNGS = ("log_px", "elbo_star", "elbo")
# Name of a gap: its upper and its lower rung.
GAPS = {
    "approximation_gap": ("log_px", "elbo_star"),
    "amortization_gap": ("elbo_star", "elbo"),
    "total_gap": ("log_px", "elbo"),
}
_WORDS = {
    "log_px": ("log p(x)", "the model's log-likelihood"),
    "approximation_gap": ("approximation gap", "the family's part"),
    "elbo_star": ("L[q*]", "best q of the family"),
    "amortization_gap": ("amortization gap", "the encoder's part"),
    "elbo": ("L[q]", "the encoder's q"),
    "total_gap": ("total gap", "the sum of the two"),
}
_FAMILY = "elbo_star_"


@dataclass(frozen=True)
class Line:
    """A row of a card's table.

    Attributes:
        name: of the quantity in the summary.
        label: what it is called.
        meaning: a few words beside the label.
        kind: ``rung``, ``side`` for a rung that is no part of the split, ``gap`` or ``total``.
    """

    name: str
    label: str
    meaning: str
    kind: str


def lines(quantities: Mapping[str, Any]) -> list[Line]:
    """The rows: the ladder from the top down, further families and encoders at their height, and the total gap.

    A further family or encoder is left out where its mean is not over the same datapoints, and a family also where it
    does not differ from the family of the split.

    Args:
        quantities: of a split, by name.

    Example:
        >>> means = {"log_px": -1.0, "elbo_star": -3.0, "elbo": -4.0, "elbo_star_flow": -2.0}
        >>> [line.label for line in lines({name: {"mean": mean, "count": 9} for name, mean in means.items()})][:3]
        ['log p(x)', 'L[q*], flow', 'approximation gap']
    """
    mean = {name: values["mean"] for name, values in quantities.items()}
    sides = [name for name in quantities if name.startswith(_FAMILY)]
    sides += [f"elbo_{name}" for name in encoder_names(quantities)]
    sides = sorted((name for name in sides if _says_more(name, quantities)), key=lambda name: -mean[name])
    above = [name for name in sides if mean[name] > mean["elbo_star"]]
    under = [name for name in sides if mean[name] < min(mean["elbo_star"], mean["elbo"])]
    between = [name for name in sides if name not in (*above, *under)]
    order = ["log_px", *above, "approximation_gap", "elbo_star", "amortization_gap", *between, "elbo", *under]
    return [_line(name) for name in (*order, "total_gap")]


def _line(name: str) -> Line:
    if name in _WORDS:
        kind = "total" if name == "total_gap" else "gap" if name in GAPS else "rung"
        return Line(name, *_WORDS[name], kind)
    if name.startswith(_FAMILY):
        family = name.removeprefix(_FAMILY).replace("_", " ")
        return Line(name, f"L[q*], {family}", "best q of another family", "side")
    return Line(name, f"L[q], {name.removeprefix('elbo_')}", "another encoder", "side")


def _says_more(name: str, quantities: Mapping[str, Any]) -> bool:
    means = [quantities[rung]["mean"] for rung in (name, "elbo_star", "elbo")]
    if None in means or quantities[name]["count"] != quantities["elbo_star"]["count"]:
        return False
    return not name.startswith(_FAMILY) or abs(means[0] - means[1]) > 1e-9
