"""Figures that need more than the table: the latents, bounds against draws, and a closer look at some datapoints."""

from gapkit.plots.contours import contours
from gapkit.plots.gallery import gallery, tiles
from gapkit.plots.iwae_curve import iwae_curve
from gapkit.plots.latents import latents
from gapkit.plots.reading import rows_of
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.results.latent_use import collapse_sentence
from gapkit.results.posterior_draws import collapsed_maps, collapsed_samples
from gapkit.results.records import known

__all__ = ["DETAILS"]


def _describe_latents(result: Result, split: str) -> str:
    values = known(result.summary_values.splits[split].latents)
    assert values is not None  # a picture without them is not asked for
    assert values.kl is not None
    assert values.kl_per_dimension is not None
    means = values.kl_per_dimension.mean
    first = max(range(len(means)), key=means.__getitem__)
    words = [
        f"Mean KL divergence of q from the prior in each of {values.dimensions} latent dimensions: from "
        f"{max(means):.2f} nats in dimension {first} down to {min(means):.2f}; {values.kl.mean:.2f} nats for the "
        "whole q.",
        collapse_sentence(values),
    ]
    information, mixed = values.mutual_information, values.mixture_datapoints or 0
    if information and mixed > 1:
        words.append(
            f"The mutual information of x and z is estimated at {information.mean:.2f} nats, of "
            f"{values.log_mixture_datapoints:.2f} that {mixed} datapoints can show."
        )
    return " ".join(word for word in words if word)


def _has_latents(result: Result, split: str) -> bool:
    values = known(result.summary_values.splits[split].latents)
    return values is not None and values.kl_per_dimension is not None


def _describe_iwae_curve(result: Result, split: str) -> str:
    values = result.summary_values.splits[split].iwae_curve
    assert values is not None  # as above
    first, last = values.curve[0], values.curve[-1]
    return (
        f"Curve of mean importance-weighted bounds in nats: from {first.value:.2f} with {first.k} draw to "
        f"{last.value:.2f} with {last.k}, against {result.ladder.top.label} {values.log_px:.2f}."
    )


def _has_iwae_curve(result: Result, split: str) -> bool:
    values = result.summary_values.splits[split].iwae_curve
    return values is not None and values.datapoints > 0 and len(values.curve) > 1


def _of_this(result: Result, split: str) -> bool:
    return result.run.get("details", {}).get("split") == split


def _gaps(result: Result, split: str, name: str) -> str:
    gaps = rows_of(result, split).set_index("index")[result.ladder.total.name]
    indices = [index for index in result.details[name].tolist() if index in gaps.index]
    return ", ".join(f"{index} ({gaps.loc[index]:.2f} nats)" for index in indices)


def _describe_gallery(result: Result, split: str) -> str:
    words = (
        "Pictures of the datapoints with the largest total gaps, and of their reconstructions under q, under q* and "
        f"from a draw of the true posterior: {_gaps(result, split, 'worst_index')}."
    )
    lost = [str(each) for each in result.details["worst_index"][collapsed_samples(result.details)].tolist()]
    return f"{words} No draw of the true posterior is known of {', '.join(lost)}." if lost else words


def _has_gallery(result: Result, split: str) -> bool:
    return _of_this(result, split) and bool(tiles(result))


def _describe_contours(result: Result, split: str) -> str:
    columns, inside = result.details["contours_columns"].tolist()[1:], result.details["contours_inside"]
    rows = []
    for row, (index, collapsed) in enumerate(
        zip(result.details["contours_index"].tolist(), collapsed_maps(result.details).tolist(), strict=True)
    ):
        shares = zip(columns, inside[row, 1:].tolist(), strict=True)
        known_shares = ", ".join(f"{share:.0%} in {name}" for name, share in shares)
        unknown = f"not known, by {result.details['contours_effective'][row]:.1f} effective draws"
        rows.append(f"for {index}: {unknown if collapsed else known_shares}")
    return (
        f"Maps of the posteriors of the datapoints {_gaps(result, split, 'contours_index')}. How much of the true "
        f"posterior lies within the region of 95% of each density: {'; '.join(rows)}."
    )


def _has_contours(result: Result, split: str) -> bool:
    return _of_this(result, split) and "contours_index" in result.details


DETAILS = (
    Drawing("latent-use", "main", latents, captions.LATENTS, _describe_latents, applies=_has_latents),
    Drawing("posterior-maps", "main", contours, captions.CONTOURS, _describe_contours, applies=_has_contours),
    Drawing("iwae-curve", "trust", iwae_curve, captions.IWAE_CURVE, _describe_iwae_curve, applies=_has_iwae_curve),
    Drawing("gallery", "worst", gallery, captions.GALLERY, _describe_gallery, applies=_has_gallery, photographic=True),
)
