"""What an analysis does: every setting in one frozen object, with three named efforts."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gapkit.core.errors import InputError
from gapkit.core.ranges import check_ranges, share, whole
from gapkit.estimators import Ais, Elbo, Iwae
from gapkit.estimators.evidence import Policy
from gapkit.local import FITTERS, STEPS, FitSettings, Route, check_steps

__all__ = ["EFFORTS", "RANGES", "AnalysisSpec", "resolve", "spec_for"]

RANGES = {
    "seed": whole(0),
    "unit_size": whole(1),
    "route_control": share(zero=True, one=True),
    "bank_prior": whole(2),
    "bank_data": whole(1),
    "certificate": whole(2, or_zero="for none"),  # a mean over simulated datapoints needs 2
    "semi_amortized": whole(0, or_zero="for no curve"),
    "details": whole(0, or_zero="for no pictures"),
    "convergence": whole(0, or_zero="for no check"),
}


@dataclass(frozen=True, kw_only=True)
class AnalysisSpec:
    """The settings of an analysis. Equal settings and data give equal numbers.

    Attributes:
        seed: of all random numbers.
        unit_size: datapoints computed together; the last unit is padded to this size.
        effort: the name of the budget these settings came from.
        families: families of q* to fit beside the encoder's own; without that among them, the first is that of the
            split, which then compares families.
        elbo: estimator of L[q] and L[q*], on shared noise.
        iwae: estimator of the encoder's IWAE bound.
        evidence: how log p(x) is estimated, from the mixture of fitted modes.
        fit: budget of the local fits.
        route: of particles from the prior to the posterior, which looks for modes that the fits missed.
        route_control: share of the datapoints, chosen at random, for which the route is run although nothing suggests
            missed modes.
        bank_prior: latents drawn from the prior for the bank of starts.
        bank_data: encodings of other data in the bank, at most.
        certificate: datapoints simulated from the model on which AIS is certified from both sides; 0 skips it.
        semi_amortized: on how many datapoints, the first ones of the first split, the curve of L[q] after local steps
            is made; 0 leaves it out. Units are computed whole, so that a multiple of ``unit_size`` wastes nothing.
        semi_amortized_steps: after how many local steps, ascending, the first number 0.
        details: how many datapoints of the first split, those with the largest total gaps, are decoded for pictures;
            also a few posteriors are mapped. 0 leaves both out; the table is the same with and without.
        convergence: on how many datapoints of the first unit, half of them the hardest, AIS is run with other numbers
            of temperatures and q* fitted with fewer steps, to see whether the budgets were enough; 0 leaves it out.

    Raises:
        InputError: a setting out of its range.

    Example:
        >>> AnalysisSpec(seed=3, certificate=0).unit_size
        100
    """

    seed: int = 0
    unit_size: int = 100
    effort: str = "standard"
    families: tuple[str, ...] = ()
    elbo: Elbo = field(default_factory=lambda: Elbo(num_samples=1000, antithetic=True))
    iwae: Iwae = field(default_factory=lambda: Iwae(num_samples=1000))
    evidence: Policy = field(default_factory=Policy)
    fit: FitSettings = field(default_factory=FitSettings)
    route: Route = field(default_factory=Route)
    route_control: float = 0.03
    bank_prior: int = 4096
    bank_data: int = 10_000
    certificate: int = 50
    semi_amortized: int = 0
    semi_amortized_steps: tuple[int, ...] = STEPS
    details: int = 8
    convergence: int = 8

    def __post_init__(self) -> None:
        check_ranges("an analysis", self, RANGES)
        check_steps(self.semi_amortized_steps)
        for name in self.families:
            if name not in FITTERS:
                raise InputError(f"family {name!r}", "no such family", f"use one of {', '.join(FITTERS)}")

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, for ``run.json``."""
        return asdict(self)


def _quick() -> AnalysisSpec:
    return AnalysisSpec(
        effort="quick",
        unit_size=200,  # twice as many at once: with small budgets the fixed cost of a step counts most
        bank_data=4000,
        elbo=Elbo(num_samples=128, antithetic=True),
        iwae=Iwae(num_samples=256),
        evidence=Policy(
            pooled=Iwae(num_samples=256, stage="pooled"), max_samples=2048, ais=Ais(num_temperatures=30), control=0.01
        ),
        fit=FitSettings(
            num_starts=2,
            most_starts=12,
            climb_steps=4,
            warm_steps=4,
            warm_samples=2,
            polish_steps=18,
            polish_samples=16,
            select_samples=32,
            more_rounds=0,
            certificate_samples=32,
            gradient_steps=300,
            tolerance=0.1,
        ),
        route_control=0.01,
        certificate=0,
        convergence=0,
    )


def _thorough() -> AnalysisSpec:
    return AnalysisSpec(
        effort="thorough",
        elbo=Elbo(num_samples=5000, antithetic=True),
        iwae=Iwae(num_samples=5000),
        evidence=Policy(
            target_se=0.03,
            pooled=Iwae(num_samples=5000, stage="pooled"),
            max_samples=40_000,
            ais=Ais(num_chains=64, num_temperatures=150, num_leapfrogs=2, pilot_chains=8),
            control=1.0,
        ),
        fit=FitSettings(
            num_starts=7,
            most_starts=64,
            climb_steps=8,
            warm_steps=12,
            coarse_samples=4,
            polish_steps=300,
            polish_samples=32,
            coarse_polish=False,
            select_samples=256,
            more_rounds=3,
            certificate_samples=1024,
            gradient_steps=2000,
            gradient_samples=32,
            tolerance=0.01,
        ),
        route=Route(num_particles=64, rounds=4),
        route_control=0.2,
        certificate=100,
        convergence=24,
    )


EFFORTS: dict[str, Callable[[], AnalysisSpec]] = {
    "quick": _quick,
    "standard": AnalysisSpec,
    "thorough": _thorough,
}


def spec_for(effort: str = "standard", **changes: Any) -> AnalysisSpec:
    """Return the settings of an effort, with some of them changed.

    Raises:
        InputError: an unknown effort or a setting out of range.

    Example:
        >>> spec_for("quick", seed=3).elbo.num_samples
        128
    """
    if effort not in EFFORTS:
        raise InputError(f"effort {effort!r}", "no such effort", f"use one of {', '.join(EFFORTS)}")
    return replace(EFFORTS[effort](), **changes)


def resolve(
    spec: AnalysisSpec | None, effort: str | None, seed: int | None, families: tuple[str, ...] = ()
) -> AnalysisSpec:
    """Return the settings that were given, all together or one by one; both at once would be ambiguous.

    Args:
        spec: all settings, or None.
        effort: None is ``standard``.
        seed: None is 0.
        families: to fit beside the Gaussian ones.

    Raises:
        InputError: ``spec`` beside any of the others, an unknown effort.

    Example:
        >>> resolve(None, "quick", None).seed
        0
    """
    given = {"effort": effort, "seed": seed, "family": families or None}
    named = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if spec is None:
        return spec_for("standard" if effort is None else effort, seed=0 if seed is None else seed, families=families)
    if named:
        do = "put them into the spec: spec_for(effort, seed=..., families=(...,))"
        raise InputError(f"spec= together with {', '.join(named)}", "a spec that has settings of its own for these", do)
    return spec
