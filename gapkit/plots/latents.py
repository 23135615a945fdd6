"""How much each latent dimension is used: the KL divergence of q from the prior, largest first."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from gapkit.core.sample_size import FEWEST
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, picture, write_note
from gapkit.results import Result
from gapkit.results.latent_use import collapse_sentence
from gapkit.results.records import Latents, LatentUse, PerDimension, Skipped

__all__ = ["latents"]

_NAMED = 60  # dimensions whose numbers find room under the axis
_NARROWEST = 0.02  # nats, for divergences of zero
_ROOM = 1.12


def latents(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean KL divergence of q(z_d|x) from the prior for every latent dimension d, the largest first.

    Bars are active dimensions, whose posterior mean varies over the datapoints; a cross on a bar's foot marks one that
    has collapsed: q is much the same there for every datapoint. Whiskers are 95% intervals over datapoints. Numbers
    under the bars are those of the dimensions. The title says how many are active, and what the mean KL divergence of
    the whole q is made of.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, split)
    part = result.summary_values.splits[name]
    values = part.latents or Skipped("not recorded")
    with picture(ax, 6.2, 3.6, shortened(name)) as ax:
        if isinstance(values, Skipped):
            write_note(ax, f"no picture of the latents: {values.skipped}"[:90])
            return ax
        title = title_of(name, values.datapoints, values.left_out)
        ax.set_title("\n".join([title, *_words(values, part.latents_star)]), parse_math=False)
        if not values.kl_per_dimension:
            write_note(ax, values.missing.get("kl", "no finite values"))
            return ax
        _draw(ax, values, values.kl_per_dimension)
    return ax


def _draw(ax: Axes, values: Latents, divergence: PerDimension) -> None:
    import seaborn as sns

    means = np.array(divergence.mean, float)
    order = np.argsort(-means, kind="stable")
    means, count = means[order], len(means)
    active = np.ones(count, bool) if values.active is None else np.array(values.active, bool)[order]
    places = np.arange(1, count + 1)
    colors, shade = {True: COLORS["family"], False: COLORS["encoder"]}, 0.75
    sns.barplot(
        x=places,
        y=means,
        hue=active,
        palette=colors,
        dodge=False,
        native_scale=True,
        errorbar=None,
        saturation=1.0,
        alpha=shade,
        legend=False,
        ax=ax,
    )
    if not active.all():
        at, foot = places[~active], np.zeros(int((~active).sum()))
        crosses = ax.plot(at, foot, "x", color=colors[False], label="collapsed", clip_on=False, zorder=3)
        crosses[0].set_markersize(5 if count <= _NAMED else 3)
        shown = [Patch(color=colors[True], alpha=shade, linewidth=0, label="active")] if active.any() else []
        ax.legend(handles=[*shown, *crosses], loc="upper right", ncols=2, borderaxespad=0.0)
    known = divergence.ci95
    complete = known and len(known) == count  # of a run that somebody has changed they may be fewer
    low, high = np.array(known, float)[order].T if complete else np.full((2, count), math.nan)
    if count <= _NAMED:
        ax.vlines(places, low, high, color=COLORS["rung"], linewidth=1.0, zorder=4)
        ax.set_xticks(places, [str(number) for number in order], fontsize=8.5 if count <= 25 else 6.5)
        if count > 25:
            ax.tick_params(axis="x", rotation=90)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("latent dimension, largest divergence first")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.set_xlabel("latent dimensions, largest divergence first")
    if values.datapoints < FEWEST:
        ax.set_xlabel(f"{ax.get_xlabel()}\n(too few datapoints for intervals)")
    ax.set_xlim(0.3, count + 0.7)
    ax.set_ylim(0.0, max(_ROOM * float(np.fmax(means, high).max()), _NARROWEST))
    ax.set_ylabel("KL(q(z_d|x) || p(z_d)), nats")


def _words(values: Latents, star: LatentUse | Skipped | None) -> list[str]:
    """What the bars add up to, what that is made of, and whether dimensions have collapsed."""
    sentence = collapse_sentence(values, star).split(" (")[0]  # the rule in brackets is told by the caption
    lines = [f"{sentence.rstrip('.')}."] if sentence else []
    if not values.kl or values.kl.mean is None:
        return lines
    lines.append(f"Mean KL(q(z|x) || p(z)): {values.kl.mean:.2f} nats")
    information, aggregate = values.mutual_information, values.aggregate_kl
    count, limit = values.mixture_datapoints or 0, values.log_mixture_datapoints
    if not information or not aggregate or count < 2:
        return lines
    if values.at_limit:  # then the split of the divergence into two parts is that of the estimator's limit
        shown = f"{information.mean:.2f} nats or more; {count:,} datapoints show no more"
        return [*lines, f"Mutual information I(x; z): {shown}"]
    lines.append(f"Mutual information I(x; z): {information.mean:.2f} (limit of {count:,} datapoints: {limit:.2f})")
    return [*lines, f"KL(q(z) || p(z)): {aggregate.mean:.2f}"]
