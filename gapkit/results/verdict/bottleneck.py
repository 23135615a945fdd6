"""Whether the model, not inference, is what limits log p(x): beside simple models of the data, and by its latents."""

from gapkit.results.bits import bits_per_nat
from gapkit.results.records import SimpleModel, Split, Summary, known
from gapkit.results.verdict.rungs import top, total
from gapkit.results.verdict.words import MINUS, count_of, number, plus_minus, with_error

__all__ = ["BARELY", "NAMES", "WHY", "beside", "dead_latents", "judged", "model_fault", "proportion", "splits_apart"]

BARELY = 0.02  # nats per dimension by which a model should be better than a simple one
_ENOUGH = 20  # datapoints to say that q* does not differ between them

# What a model may be found guilty of, the gravest first.
WHY = ("coin_flips", "collapsed", "baseline", "barely")

NAMES = {
    "coin_flips": "coin flips",
    "factorised_bernoulli": "one probability for each dimension (a factorised Bernoulli)",
    "factorised_categorical": "one table of probabilities for each dimension",
    "factorised_counts": "one negative binomial distribution for each dimension",
    "factorised_gaussian": "one normal distribution for each dimension (a factorised Gaussian)",
    "factorised_continuous_bernoulli": "one continuous Bernoulli distribution for each dimension",
    "probabilistic_pca": "probabilistic principal component analysis (a linear model)",
}


def judged(summary: Summary) -> list[SimpleModel]:
    """The simple models that log p(x) can be held against: none where it is not a log probability."""
    found = known(summary.first.baselines)
    if summary.target == "cross_entropy" or not found:
        return []
    return [part for part in found.models if part.difference.mean is not None]


def model_fault(summary: Summary) -> tuple[str, SimpleModel | None] | None:
    """What the model is guilty of, one of ``WHY``, and the simple model that shows it.

    ``coin_flips`` and ``baseline``: log p(x) is below that of coin flips, or of the best simple model, by the 95%
    interval of the paired difference. ``collapsed``: q* is the same for every datapoint. ``barely``: log p(x) is above
    the best simple model's by less than 0.02 nats per dimension (the far end of the interval), and so is the total gap.
    """
    found = {part.name: part for part in judged(summary)}
    coins = found.pop("coin_flips", None)
    best = next(iter(found.values()), None)
    if coins and _below(coins):
        return "coin_flips", coins
    if _collapsed(summary):
        return "collapsed", None
    if best and _below(best):
        return "baseline", best
    data, whole = summary.first.data, total(summary).ci95
    ahead = _furthest(best) if best else None
    limit = BARELY * ((data and data.dimensions) or 0)
    if best and ahead is not None and whole and ahead < limit and whole[1] < limit:
        return "barely", best
    return None


def _below(part: SimpleModel) -> bool:
    furthest = _furthest(part)
    return furthest is not None and furthest < 0


def _furthest(part: SimpleModel) -> float | None:
    """The far end of the interval of how far the model is ahead.

    That over the datapoints whose log p(x) can be trusted counts too: one that is far too low must not decide.
    """
    parts = [part.difference, part.difference_sound or part.difference]
    ends = [values.ci95[1] for values in parts if values.ci95 is not None]
    return max(ends) if len(ends) == len(parts) else None


def _collapsed(summary: Summary) -> bool:
    star = known(summary.first.latents_star)
    return star is not None and star.used_units == 0 and star.datapoints >= _ENOUGH


def dead_latents(first: Split) -> list[str]:
    """Latents that the decoder does not use, and an encoder that ignores what it uses."""
    star, own = known(first.latents_star), known(first.latents)
    if not star or not star.used or not any(star.used) or star.datapoints < _ENOUGH:
        return []
    used, encoder = star.used, own.used if own else None
    dimensions, dead = star.dimensions, star.dimensions - sum(used)
    sentences = []
    if dead:
        verb = "is" if dead == 1 else "are"
        sentences.append(
            f"{dead} of the {count_of(dimensions, 'latent dimension')} {verb} not used: the best q* is the same there "
            "for every datapoint."
        )
    if encoder and not any(encoder):
        sentences.append("The encoder gives the same q for every datapoint, although the decoder uses the latents.")
    elif encoder:
        ignored = sum(there and not here for there, here in zip(used, encoder, strict=True))
        if ignored:
            sentences.append(
                f"The encoder ignores {ignored} of the {count_of(sum(used), 'latent dimension')} that the "
                "decoder uses: its q is the same there for every datapoint."
            )
    return sentences


def beside(summary: Summary) -> list[str]:
    """Log p(x) beside that of simple models, in a sentence."""
    parts, facts, level = judged(summary), known(summary.first.baselines), top(summary)
    if not parts or not facts or not level:
        return []
    fitted = {
        "train": f"fitted to {count_of(facts.fitted_datapoints, 'training datapoint')}",
        "other": f"fitted to {count_of(facts.fitted_datapoints, 'other datapoint')}",
        "cross": "each fitted to nine tenths of these datapoints and judged on the rest, for want of training data",
    }[facts.fitted_on]
    told = "; ".join(f"{NAMES.get(part.name, part.name)} {_against(part)}" for part in parts)
    return [f"Beside the model's log p(x) of {number(level.value, 1)} nats, simple models {fitted}: {told}."]


def _against(part: SimpleModel) -> str:
    ahead, interval = part.difference, part.difference.ci95
    level = number(part.log_px.value, 1)
    if interval and interval[0] > 0:
        return f"{level} (the model is {plus_minus(ahead)} above)"
    if interval and interval[1] < 0:
        return f"{level} (the model is {with_error(-ahead.value, ahead.error)} below)"
    if interval is None:
        return f"{level} (too few datapoints to tell: {plus_minus(ahead)})"
    return f"{level} (not clearly apart: {plus_minus(ahead)})"


def proportion(summary: Summary) -> list[str]:
    """The total gap as a share of -log p(x), and per dimension; the share only where log p(x) is of discrete data."""
    data, gap, level = summary.first.data, total(summary).mean, top(summary)
    in_bits = bits_per_nat(data)
    if summary.target == "cross_entropy" or not data or not data.dimensions or not in_bits:
        return []
    if gap is None or level is None or level.mean is None:
        return []
    dimensions, log_px = count_of(data.dimensions, "dimension"), level.mean
    if not data.discrete or log_px >= 0:
        return [f"The total gap is {gap / data.dimensions:z.2g} nats for each of {dimensions}.".replace("-", MINUS)]
    needed = f"{MINUS}log p(x): {gap * in_bits:z.2g} of {-log_px * in_bits:.3g} bits per dimension ({dimensions})."
    return [f"The total gap is {gap / -log_px:z.1%} of {needed}".replace("-", MINUS)]


def splits_apart(summary: Summary) -> list[str]:
    """Log p(x) of the splits beside each other: what the model itself does not generalise."""
    (name, first), *others = summary.splits.items()
    one = top(summary, first.quantities)
    sentences = []
    for other, part in others:
        two = top(summary, part.quantities)
        if not one or not two or one.mean is None or two.mean is None:
            continue
        gap, error = two.mean - one.mean, None
        if one.se_datapoints is not None and two.se_datapoints is not None:
            error = (one.se_datapoints**2 + two.se_datapoints**2) ** 0.5
        apart = with_error(abs(gap), error)
        clear = error is not None and abs(gap) > 1.96 * error
        told = f"{apart} {'more' if gap > 0 else 'less'}" if clear else f"not clearly apart ({apart})"
        sentences.append(
            f"log p(x) is {number(one.mean, 1)} nats on {name} and {number(two.mean, 1)} on {other}: {told}."
        )
    return sentences
