"""What each figure shows, in a line with its main number: the title that stands above it."""

from collections.abc import Callable

from gapkit.core.coverage import coverage
from gapkit.core.phrases import listed
from gapkit.plots.aggregate import aggregated
from gapkit.plots.certificate import certified
from gapkit.plots.gap_scatter import two_gaps
from gapkit.plots.khat import KHATS, tails
from gapkit.plots.latent_correlations import correlated
from gapkit.plots.reliability import standardised
from gapkit.plots.sandwich import bounded
from gapkit.plots.selection import select
from gapkit.results import Result
from gapkit.results.bits import bits_per_nat
from gapkit.results.latent_use import ACTIVE
from gapkit.results.records import known
from gapkit.results.verdict import number, plus_minus
from gapkit.results.verdict.words import MINUS, count_of

__all__ = ["TITLES"]


def _ladder(result: Result, split: str) -> str:
    chosen, ladder = select(result, split), result.ladder
    if not chosen.quantities:
        return "The ladder of bounds: no finite values"
    parts = [f"{plus_minus(chosen.quantities[gap.name])} {gap.whose}" for gap in reversed(ladder.gaps)]
    whole = f"{plus_minus(chosen.quantities[ladder.total.name])} nats between {ladder.top.label} and "
    return f"{whole}{ladder.bottom.label}: {listed(parts)}"


def _bars(result: Result, split: str) -> str:
    return f"The gaps of {listed(list(result.summary_values.splits))}"


def _scatter(result: Result, split: str) -> str:
    rows, pair = select(result, split).rows, two_gaps(result.ladder)
    if rows.empty or not pair:
        return "The two gaps of each datapoint"
    family, encoder = pair
    above = int((rows[encoder.name] > rows[family.name]).sum())
    return f"The encoder loses more than the family on {above:,} of {len(rows):,} datapoints"


def _classes(result: Result, split: str) -> str:
    total = result.ladder.total.name
    means = [
        (part.label, part.quantities[total].mean)
        for part in result.summary_values.splits[split].classes or ()
        if part.quantities[total].mean is not None
    ]
    if not means:
        return "The gaps by class"
    (first, most), (last, least) = means[0], means[-1]
    between = f"from {number(most or 0.0, 1)} nats ({first}) to {number(least or 0.0, 1)} ({last})"
    return f"Mean gaps by class: in all {between}"


def _local_steps(result: Result, split: str) -> str:
    values = known(result.summary_values.semi_amortized)
    last = values.curve[-1] if values and values.datapoints else None
    if last is None or last.share is None or last.share.mean is None:
        return "Local steps on q at test time"
    return f"{last.steps} local steps on q close {last.share.mean:.0%} of the gap"


def _weights(result: Result, split: str) -> str:
    kind = tails(result, next(iter(KHATS)), split)
    if not kind.known.any():
        return "Whether importance weights can be trusted"
    return f"Importance weights can be trusted for {int(kind.trusted.sum()):,} of {len(kind.khat):,} datapoints"


def _sandwich(result: Result, split: str) -> str:
    return f"AIS from both sides on {len(bounded(result, split)):,} datapoints"


def _certificate(result: Result, split: str) -> str:
    rows = certified(result, split)
    return f"{int((rows['fit'] == 'converged').sum()):,} of {len(rows):,} fits of q* converged"


def _iwae(result: Result, split: str) -> str:
    values = result.summary_values.splits[split].iwae_curve
    if values is None or values.log_px is None:
        return "The bound with more draws from q"
    last, top = values.curve[-1], result.ladder.top.label
    return f"With {last.k:,} draws from q the bound is {number(last.value)} nats; {top} is {number(values.log_px)}"


def _latents(result: Result, split: str) -> str:
    part = result.summary_values.splits[split]
    star, own = known(part.latents_star), known(part.latents)
    if star and star.used_units is not None:
        return f"{star.used_units:,} of {star.dimensions:,} latent dimensions are in use"
    if own and own.active_units is not None:
        return f"{own.active_units:,} of {own.dimensions:,} latent dimensions are active (variance above {ACTIVE:g})"
    return "How much q uses each latent dimension"


def _aggregate(result: Result, split: str) -> str:
    found = aggregated(result, split)
    if found is None:
        return "Where the data are encoded, and the prior"
    return f"q(z) is clearly not the prior in {found.apart} of {count_of(found.of, 'latent dimension')}"


def _correlations(result: Result, split: str) -> str:
    found = correlated(result, split)
    if found is None:
        return "Correlations of latents under q(z)"
    if abs(found.strongest) <= found.chance:
        return "No two latents are clearly correlated under q(z)"
    return f"The strongest correlation of two latents under q(z) is {found.strongest:z.2f}".replace("-", MINUS)


def _bits(result: Result, split: str) -> str:
    bits, top = bits_per_nat(result.summary_values.first.data), result.ladder.top
    level = select(result, split).quantities.get(top.name)
    if not bits or level is None:
        return "Bits per dimension"
    return f"{MINUS}{top.label} is {-bits * level.value:.3f} bits per dimension".replace("-", MINUS)


def _reliability(result: Result, split: str) -> str:
    found = coverage(standardised(result, split))
    if not found.count:
        return "Whether the claimed errors of log p(x) are right"
    share = f"{found.at(0.95)[0]:.0%} of {found.count:,} datapoints"
    return f"Two estimates of log p(x) agree within 95% intervals on {share}"


def _always(text: str) -> Callable[[Result, str], str]:
    return lambda result, split: text


TITLES: dict[str, Callable[[Result, str], str]] = {
    "ladder": _ladder,
    "gap-bars": _bars,
    "gap-scatter": _scatter,
    "gap-distributions": _always("How the gaps are spread over the datapoints"),
    "gap-classes": _classes,
    "local-steps": _local_steps,
    "weights": _weights,
    "sandwich": _sandwich,
    "simulated": _always("What AIS may miss, on data made by the model"),
    "ais-convergence": _always("AIS with fewer and more temperatures"),
    "certificate": _certificate,
    "fit-convergence": _always("Fits of q* with fewer and more steps"),
    "iwae-curve": _iwae,
    "latent-use": _latents,
    "posterior-maps": _always("True posterior, q and q* of hard and typical datapoints"),
    "samples": _always("Typical datapoints, their reconstructions, and samples of the model"),
    "aggregate": _aggregate,
    "latent-correlations": _correlations,
    "bits": _bits,
    "reliability": _reliability,
    "gallery": _always("The datapoints with the largest gaps, and what the decoder makes of them"),
}
