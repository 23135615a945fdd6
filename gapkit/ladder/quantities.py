"""The register of quantities: what the columns of a table mean, how they are called, and in which order they stand.

Nothing else parses the name of a column. A quantity is a rung or a gap of the ladder; a side note beside it, of another
family or of a further encoder; or one of a few further estimates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gapkit.ladder.ladder import STANDARD, Gap, Ladder

__all__ = [
    "FAMILIES",
    "Kind",
    "Quantity",
    "beside",
    "encoders",
    "error_of",
    "estimates",
    "family_sides",
    "in_order",
    "is_bound",
    "quantity",
    "side_name",
    "summarised",
]

_Beside = Literal["family", "family_gap", "fit_left", "encoder", "gain", "left", "estimate", "other"]
Kind = Literal["rung", "gap", "total", "contrast"] | _Beside

# Families of q*, by the name in a column.
FAMILIES = {
    "mean_field": "factorised Gaussian",
    "full_rank": "Gaussian with full covariance",
    "low_rank": "low-rank plus diagonal Gaussian",
    "flow": "coupling flow",
    "auxiliary": "auxiliary-variable flow",
    "mixture": "mixture of Gaussians",
}
_GAIN, _LEFT = "gain_", "left_"


@dataclass(frozen=True)
class Quantity:
    """A column of the table and what it means.

    Attributes:
        name: of the column; its error is in ``NAME_se``.
        kind: ``rung``, ``gap`` or ``total`` of the ladder; ``contrast``, the difference of two gaps; ``family``, the
            best q of another family, ``family_gap``, what that one cannot reach, and ``fit_left``, what its fit has
            left; ``encoder``, L[q] of a further
            encoder, what it would ``gain`` and what it has ``left``; another ``estimate``; or ``other``.
        label: what it is called in a table.
        meaning: a sentence or two.
        of: the family or the further encoder that it belongs to; empty for others.
        unit: of its values.
    """

    name: str
    kind: Kind
    label: str
    meaning: str = ""
    of: str = ""
    unit: str = "nats"

    @property
    def is_bound(self) -> bool:
        """Whether more of it is better: rungs, side notes and estimates, not gaps."""
        return self.kind in ("rung", "family", "encoder", "estimate")


_ESTIMATES = {
    "iwae": ("IWAE", "The importance-weighted bound with draws from the encoder's q: never below the ELBO on average."),
    "pooled": (
        "Importance sampling",
        "The estimate of log p(x) with draws from all modes found and from the encoder's q together.",
    ),
    "ais": (
        "AIS",
        "The estimate of log p(x) by annealed importance sampling. A mean over few datapoints (see the number used) "
        "is that of the hard ones and not comparable with the other rows.",
    ),
}
_LOST = {
    "mode_gap": (
        "Mode gap",
        "The part of the amortization gap that the encoder's choice of mode costs: where a fit from another start "
        "ended higher than the fit from the encoder's q, the difference; zero elsewhere.",
    ),
    "optimality_gap": (
        "Left to gain on L[q*]",
        "How far the fitted q* still is from the best of its family, estimated on fresh noise. Whatever is left is "
        "counted to the approximation gap and missing from the amortization gap.",
    ),
}
# By kind: what is said of a further encoder.
_OF_ENCODERS = {
    "encoder": (
        "L[q] of the encoder {}",
        "The ELBO with q(z|x) of the further encoder {}, with the analysed model's decoder and on the noise of L[q].",
    ),
    "gain": (
        "Gain of the encoder {}",
        "L[q] of the encoder {} minus L[q]: so much of the amortization gap that encoder closes.",
    ),
    "left": (
        "Left by the encoder {}",
        "L[q*] minus L[q] of the encoder {}: so much of the amortization gap it leaves. With its gain it makes up the "
        "amortization gap.",
    ),
}


def quantity(name: str, ladder: Ladder = STANDARD) -> Quantity:
    """What a column means.

    Example:
        >>> quantity("elbo_star_flow").label, quantity("gain_refit").label, quantity("status").kind
        ('L[q*], flow', 'Gain of the encoder refit', 'other')
    """
    for rung in ladder.rungs:
        if rung.name == name:
            return Quantity(name, "rung", rung.label, rung.meaning)
    for gap in ladder.all_gaps:
        if gap.name == name:
            return Quantity(name, "total" if gap == ladder.total else "gap", _capital(gap.label), gap.meaning)
    if name in ladder.contrasts():
        return _contrast(name, *ladder.contrasts()[name])
    own = ladder.own("estimate", name)
    if own or name in _ESTIMATES:
        return Quantity(name, "estimate", *((own.label, own.meaning) if own else _ESTIMATES[name]))
    if name in _LOST:
        return Quantity(name, "other", *_LOST[name])
    return _side(name, ladder) or Quantity(name, "other", name)


def _contrast(name: str, lower: Gap, upper: Gap) -> Quantity:
    one, two = (gap.short if gap.part == "other" else gap.part for gap in (lower, upper))
    return Quantity(
        name,
        "contrast",
        f"{_capital(lower.short)} minus {upper.short}",
        "The first part minus the second, within each datapoint. If the 95% interval lies above 0, the "
        f"{one} loses more; below 0, the {two} loses more.",
    )


def _side(name: str, ladder: Ladder) -> Quantity | None:
    """The longest prefix decides: L[q*] of another family is no L[q] of a further encoder."""
    found = [(prefix, kind) for kind, prefix in _prefixes(ladder).items() if name.startswith(prefix) and name != prefix]
    if not found or name.endswith("_se"):
        return None
    prefix, kind = max(found, key=lambda pair: len(pair[0]))
    of = name.removeprefix(prefix)
    if kind in _OF_ENCODERS:
        label, meaning = (text.format(of) for text in _OF_ENCODERS[kind])
        return Quantity(name, kind, label, meaning, of)
    own, called = ladder.own("family", of), ladder.called(of)
    words = (own and own.meaning) or FAMILIES.get(of, called)
    star, above = ladder.fitted, ladder.above_fitted
    if kind == "family" and star:
        meaning = f"The ELBO of the best {words} for each datapoint, no encoder."
        return Quantity(name, kind, f"{star.label}, {called}", meaning, of)
    if kind == "fit_left" and star:
        meaning = f"How far the fit of the {words} still is from the best one, estimated on fresh noise."
        return Quantity(name, kind, f"Left to gain on {star.label}, {called}", meaning, of)
    assert above
    meaning = f"{ladder.top.label} minus that: what even the best {words} cannot reach."
    return Quantity(name, kind, f"{_capital(above.label)}, {called}", meaning, of)


def side_name(kind: Kind, of: str, ladder: Ladder = STANDARD) -> str:
    """The column of a side note: of another family (``family``, ``family_gap``, ``fit_left``) or a further encoder.

    Example:
        >>> side_name("family", "flow"), side_name("left", "refit")
        ('elbo_star_flow', 'left_refit')
    """
    return f"{_prefixes(ladder)[kind]}{of}"


def _prefixes(ladder: Ladder) -> dict[Kind, str]:
    found: dict[Kind, str] = {"encoder": f"{ladder.bottom.name}_", "gain": _GAIN, "left": _LEFT}
    if ladder.fitted:
        found["family"] = f"{ladder.fitted.name}_"
        found["fit_left"] = f"{ladder.fitted.shortfall}_"
    if ladder.above_fitted:
        found["family_gap"] = f"{ladder.above_fitted.name}_"
    return found


def is_bound(name: str, ladder: Ladder = STANDARD) -> bool:
    """Whether more of a quantity is better; of a gap less is."""
    return quantity(name, ladder).is_bound


def error_of(name: str) -> str:
    """The column that holds the Monte Carlo standard errors of another."""
    return f"{name}_se"


def estimates(columns: Iterable[object]) -> list[str]:
    """The columns that have errors, in their order.

    Example:
        >>> estimates(["index", "elbo", "elbo_se", "khat"])
        ['elbo']
    """
    names = [str(name) for name in columns]
    return [name for name in names if error_of(name) in names]


def encoders(columns: Iterable[object]) -> list[str]:
    """The further encoders among the columns of a table or the quantities of a summary, by their gains.

    Example:
        >>> encoders(["elbo", "elbo_refit", "gain_refit", "gain_refit_se"])
        ['refit']
    """
    names = [str(name) for name in columns]
    return [name.removeprefix(_GAIN) for name in names if name.startswith(_GAIN) and not name.endswith("_se")]


def family_sides(columns: Iterable[object], ladder: Ladder = STANDARD) -> list[str]:
    """The columns of further families, L[q*] and what each cannot reach, in their order."""
    names = [str(name) for name in columns if not str(name).endswith("_se")]
    return [name for name in names if quantity(name, ladder).kind in ("family", "family_gap")]


def beside(columns: Iterable[object], ladder: Ladder = STANDARD) -> list[str]:
    """The columns that are compared beside the ladder: of further families, and estimates of one's own."""
    names = [str(name) for name in columns]
    own = [part.name for part in ladder.further if part.kind == "estimate" and part.name in names]
    return [*family_sides(names, ladder), *own]


def _all_estimates(ladder: Ladder) -> list[str]:
    """Those of one's own stand after IWAE."""
    first, *others = _ESTIMATES
    return [first, *(part.name for part in ladder.further if part.kind == "estimate"), *others]


def summarised(columns: Iterable[object], ladder: Ladder = STANDARD) -> list[str]:
    """The columns that a summary has means of: the ladder, families beside L[q*], estimates; further encoders last."""
    present = [str(name) for name in columns]
    fixed = [
        *(rung.name for rung in ladder.rungs),
        *_all_estimates(ladder),
        *(gap.name for gap in (ladder.total, *reversed(ladder.gaps))),
        *ladder.contrasts(),
        *_LOST,
    ]
    names = [name for name in fixed if name in present]
    star = ladder.fitted.name if ladder.fitted else None
    place = names.index(star) if star in names else len(names)
    kinds: tuple[Kind, ...] = ("encoder", "gain", "left")
    compared = [side_name(kind, name, ladder) for name in encoders(present) for kind in kinds]
    return [*names[:place], *family_sides(present, ladder), *names[place:], *compared]


def in_order(names: Iterable[str], ladder: Ladder = STANDARD) -> list[str]:
    """Quantities in the order of a report's table: what to look at first comes first.

    Those of further families stand before L[q*]; of further encoders, what they gain and leave stands after the
    amortization gap, which it adds up to, and their L[q] before that of the analysed one.

    Example:
        >>> in_order(["elbo", "elbo_star_flow", "elbo_star", "total_gap"])
        ['total_gap', 'elbo_star_flow', 'elbo_star', 'elbo']
        >>> in_order(["elbo", "elbo_refit", "gain_refit", "left_refit", "amortization_gap", "log_px"])
        ['amortization_gap', 'gain_refit', 'left_refit', 'log_px', 'elbo_refit', 'elbo']
    """
    fixed = [
        ladder.total.name,
        *(gap.name for gap in reversed(ladder.gaps)),
        *ladder.contrasts(),
        *(rung.name for rung in ladder.rungs),
        *_LOST,
        *_all_estimates(ladder),
    ]
    encoder = ladder.gap_of("encoder")
    star = ladder.fitted or ladder.bottom

    def place(name: str) -> float:
        if name in fixed:
            return fixed.index(name)
        kind = quantity(name, ladder).kind
        if kind in ("gain", "left"):
            return fixed.index(encoder.name if encoder else ladder.gaps[-1].name) + 0.5
        if kind == "encoder":
            return fixed.index(ladder.bottom.name) - 0.5
        return fixed.index(star.name) - 0.5

    return sorted(names, key=place)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
