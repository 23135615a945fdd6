"""Figures of the model itself: what it makes, where its latents are, and how it compares with simple models."""

from matplotlib.axes import Axes

from gapkit.plots import aggregate, bits_per_dimension, latent_correlations, samples
from gapkit.plots.aggregate import aggregated
from gapkit.plots.latent_correlations import correlated
from gapkit.plots.samples import sampled
from gapkit.plots.selection import select
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.results.bits import bits_per_nat

__all__ = ["MODEL"]


def _of_this(result: Result, split: str) -> bool:
    return bool(result.run.get("details", {}).get("split") == split)


def _has_samples(result: Result, split: str) -> bool:
    return _of_this(result, split) and bool(sampled(result))


def _describe_samples(result: Result, split: str) -> str:
    return "Typical datapoints, their mean reconstructions under q, and means of p(x|z) for draws z of the prior."


def _has_aggregate(result: Result, split: str) -> bool:
    return _of_this(result, split) and aggregated(result, split) is not None


def _describe_aggregate(result: Result, split: str) -> str:
    found = aggregated(result, split)
    assert found is not None  # a picture without it is not asked for
    return (
        f"{len(found.q):,} draws of q(z) beside as many of the prior: clearly apart in {found.apart} of {found.of} "
        f"latent dimensions, most in dimension {found.dimensions[0]}."
    )


def _has_correlations(result: Result, split: str) -> bool:
    return _has_aggregate(result, split) and correlated(result, split) is not None


def _describe_correlations(result: Result, split: str) -> str:
    found = correlated(result, split)
    assert found is not None  # as above
    one, other = found.pair
    return f"Correlations of latents under q(z): the strongest is {found.strongest:+.2f}, of {one} and {other}."


def _all_splits(result: Result, split: str) -> Axes:
    return bits_per_dimension(result)


def _has_bits(result: Result, split: str) -> bool:
    """Beside the first split, with all of them; not where log p(x) is no log probability of the data."""
    summary = result.summary_values
    known = bits_per_nat(summary.first.data) is not None and bool(select(result, split).quantities)
    return known and split == next(iter(summary.splits)) and summary.target != "cross_entropy"


def _describe_bits(result: Result, split: str) -> str:
    bits = bits_per_nat(result.summary_values.first.data)
    assert bits is not None  # as above
    words = []
    for name in result.summary_values.splits:
        quantities = select(result, name).quantities
        if quantities:
            levels = [f"{rung.label} {-bits * quantities[rung.name].value:.3f}" for rung in result.ladder.rungs]
            words.append(f"{name}, by {'; by '.join(levels)}")
    return f"Mean bits per dimension: {'. '.join(words)}."


MODEL = (
    Drawing("samples", "model", samples, captions.SAMPLES, _describe_samples, applies=_has_samples, photographic=True),
    Drawing("aggregate", "model", aggregate, captions.AGGREGATE, _describe_aggregate, applies=_has_aggregate),
    Drawing(
        "latent-correlations",
        "model",
        latent_correlations,
        captions.LATENT_CORRELATIONS,
        _describe_correlations,
        applies=_has_correlations,
    ),
    Drawing("bits", "model", _all_splits, captions.BITS, _describe_bits, applies=_has_bits),
)
