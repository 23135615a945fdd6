"""What posteriors of many datapoints say about the latent dimensions, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from gapkit.core.means import Ends, Mean
from gapkit.core.records import Record

__all__ = ["LatentUse", "Latents", "PerDimension"]


@dataclass(frozen=True)
class LatentUse(Record):
    """Which of D latent dimensions tell datapoints apart; see :func:`gapkit.results.latent_use.summarise_use`.

    Attributes:
        datapoints: used.
        left_out: those that are not finite.
        dimensions: D.
        spread: shape (D,), the variance over datapoints of each mean of q over the mean variance of q itself; None for
            one datapoint, as the next two.
        used: shape (D,), whether it is more than next to nothing.
        used_units: of how many dimensions it is.
    """

    datapoints: int
    left_out: int | None
    dimensions: int
    spread: tuple[float, ...] | None
    used: tuple[bool, ...] | None
    used_units: int | None


@dataclass(frozen=True)
class PerDimension(Record):
    """The divergence KL(q(z_d|x) || p(z_d)) of each of D latent dimensions, in nats.

    Attributes:
        mean: shape (D,), over datapoints.
        se_datapoints: shape (D,), the error over datapoints; None for fewer than 2.
        ci95: shape (D, 2), the 95% intervals; None for fewer than 10.
    """

    mean: tuple[float, ...]
    se_datapoints: tuple[float, ...] | None
    ci95: tuple[Ends, ...] | None


@dataclass(frozen=True, kw_only=True)
class Latents(Record):
    """What the encoder's q says about D latent dimensions; see :func:`gapkit.results.latent_use.summarise_latents`.

    Attributes:
        datapoints: used.
        left_out: those that are not finite.
        dimensions: D.
        threshold: of ``mean_variance``, above which a dimension is active, in units of a standard normal prior.
        missing: why a part is None, by its name.
        kl: KL(q(z|x) || p(z)), in nats; None where the prior is not standard normal, as the next.
        kl_per_dimension: that of the marginals of q.
        mean_variance: shape (D,), the variance over datapoints of each posterior mean; None for one datapoint.
        active: shape (D,), whether it exceeds the threshold; None without a standard normal prior, as the next.
        active_units: of how many dimensions it does.
        spread: see :class:`LatentUse`, as the next two.
        used: shape (D,).
        used_units: how many dimensions are used.
        inactive_kl: the mean divergence of the dimensions that are not active together, in nats.
        mutual_information: I(x; z), in nats, where q(z) is the mixture of the first posteriors.
        aggregate_kl: KL(q(z) || p(z)), in nats.
        mixture_datapoints: how many posteriors are mixed.
        log_mixture_datapoints: beyond which I(x; z) cannot be estimated, in nats.
        at_limit: whether it comes close to that.
    """

    datapoints: int
    left_out: int
    dimensions: int
    threshold: float
    missing: Mapping[str, str]
    kl: Mean | None
    kl_per_dimension: PerDimension | None
    mean_variance: tuple[float, ...] | None
    active: tuple[bool, ...] | None
    active_units: int | None
    spread: tuple[float, ...] | None
    used: tuple[bool, ...] | None
    used_units: int | None
    inactive_kl: float | None = None
    mutual_information: Mean | None
    aggregate_kl: Mean | None
    mixture_datapoints: int | None = None
    log_mixture_datapoints: float | None = None
    at_limit: bool | None = None
