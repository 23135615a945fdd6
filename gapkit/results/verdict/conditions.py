"""What an advice needs, and what is missing where it cannot be given: each with the command that settles it.

Every rule is stated in the words it gives. A quantity is small against a gap if it is at most a quarter of it.
"""

from dataclasses import dataclass

from gapkit.results.records import Summary, known
from gapkit.results.verdict.certificate import width
from gapkit.results.verdict.rungs import top, total
from gapkit.results.verdict.words import MINUS, count_of, number, plus_minus

__all__ = ["FEWEST", "SMALL", "Missing", "datapoints", "evidence", "fits", "rerun", "small_gap", "sound"]

SMALL = 0.25  # of the gap that is advised on
FEWEST = 10  # datapoints with an interval
_MOST = 0.9  # of the fits converged, of the datapoints sound
_HALF = 0.5
_TENTH = 0.1
_ACTED_ON, _THOUSANDTH = 0.05, 0.001  # nats of total gap, and its share of -log p(x), that nobody should act on


@dataclass(frozen=True)
class Missing:
    """One thing that stands between the numbers and an advice.

    Attributes:
        what: as part of a sentence.
        settle: what settles it, as part of a sentence.
        about: ``fits``, ``evidence``, ``encoder``, ``datapoints`` or ``difference``.
    """

    what: str
    settle: str
    about: str


def rerun(summary: Summary, about: str) -> str:
    """The command that gives more budget than this run had."""
    if summary.effort != "thorough":
        return "`gapkit analyze ... --effort thorough`"
    if about == "fits":
        return (
            'larger budgets in Python: `gapkit.analyze(model, x, spec_for("thorough", fit=FitSettings('
            "polish_steps=2000, more_rounds=5)))`"
        )
    return "`gapkit analyze ... --effort thorough --log-px ais --target-se 0.01`"


def small_gap(summary: Summary) -> tuple[float, str]:
    """The total gap that nobody should act on, in nats, and where that number comes from.

    0.05 nats; of discrete data a thousandth of -log p(x), where that is more.
    """
    data, level = summary.first.data, top(summary)
    if level and level.mean is not None and data and data.discrete and summary.target != "cross_entropy":
        share = _THOUSANDTH * abs(level.mean)
        if share > _ACTED_ON:
            return share, f"{number(share, 2)} nats, a thousandth of {MINUS}log p(x)"
    return _ACTED_ON, f"{_ACTED_ON} nats"


def datapoints(summary: Summary) -> tuple[Missing, ...]:
    """At least ten datapoints, and an interval of the gap."""
    whole = total(summary)
    more = "analyse a hundred or more, by a larger `--limit` or more data"
    if whole.count < FEWEST:
        span = whole.range
        spread = "" if not span else f", whose total gaps range from {number(span[0])} to {number(span[1])} nats"
        return (Missing(f"there are only {count_of(whole.count)}{spread}", more, "datapoints"),)
    if whole.ci95 is None:
        return (Missing("the total gap has no interval", more, "datapoints"),)
    return ()


def fits(summary: Summary, gap: float) -> tuple[Missing, ...]:
    """Most fits of q* converged, and what they may have left is small against the gap that is advised on.

    Nine in ten have to converge; or half of them, if by their certificates the others may add a tenth of the gap at
    most.
    """
    first, ladder = summary.first, summary.ladder
    if ladder.fitted is None:
        return ()
    again = rerun(summary, "fits")
    if first.fit is None:
        return (Missing("the run does not say how its fits of q* ended", "analyse again", "fits"),)
    count, converged = sum(first.fit.values()), first.fit.get("converged", 0)
    open_ends, rest = first.unfinished, None
    if open_ends and open_ends.mean is not None:
        rest = open_ends.mean + 2.0 * (open_ends.se_monte_carlo or 0.0)
    enough = converged >= _MOST * count
    bounded = converged >= _HALF * count and rest is not None and rest <= _TENTH * gap
    if not (enough or bounded):
        some = f"only {converged:,} of" if converged else "none of the"
        return (Missing(f"{some} {count_of(count, 'fit')} of q* converged", again, "fits"),)
    below = next(gap for gap in ladder.gaps if ladder.ends(gap)[0] == ladder.fitted)
    left = summary.quantities[below.name].left_to_gain
    if left is None:
        return (Missing("nothing is known of what the fits of q* left to gain", again, "fits"),)
    if left > SMALL * gap:
        largest = f"more than a quarter of the largest gap ({number(gap, 3)})"
        what = f"the fits of q* may have left {number(left, 3)} nats, {largest}"
        return (Missing(what, again, "fits"),)
    return ()


def evidence(summary: Summary, allowed: float) -> tuple[Missing, ...]:
    """Log p(x) can be trusted: for most datapoints, by a second route, and on simulated data.

    Args:
        summary: of an analysis.
        allowed: by how many nats log p(x) may be off.
    """
    return sound(summary) + _control(summary, allowed) + _certificate(summary, allowed)


def sound(summary: Summary) -> tuple[Missing, ...]:
    """Nine in ten datapoints have a log p(x) and gaps that can be trusted, by their statuses."""
    first = summary.first
    count, bad = first.datapoints, first.unsound
    if bad is None:  # a run of an earlier version: a datapoint may have several words, so this is the most it can be
        from gapkit.results.rows import UNSOUND

        bad = min(count, sum(first.status.get(word, 0) for word in UNSOUND))
    failed = first.status.get("failed", 0)
    if failed > (1.0 - _MOST) * count:
        what = f"for {failed:,} of {count_of(count)} the work ended in an error"
        return (Missing(what, "mend its cause, which run.json holds (`failed`), and analyse again", "evidence"),)
    if bad <= (1.0 - _MOST) * count:
        return ()
    lost = (first.left_out and first.left_out.encoder) or 0
    if bad - lost <= (1.0 - _MOST) * count:  # no effort mends an encoder
        what = f"on {lost:,} of {count_of(count)} the encoder gives no q with a finite L[q]"
        return (Missing(what, "mend it there, or leave these datapoints out of the data", "encoder"),)
    what = f"for {bad:,} of {count_of(count)} log p(x) or a gap cannot be trusted (by their statuses)"
    return (Missing(what, rerun(summary, "evidence"), "evidence"),)


def _control(summary: Summary, allowed: float) -> tuple[Missing, ...]:
    """AIS and importance sampling agree on the control subset, or differ by less than matters."""
    control = summary.first.checks.control
    if not control or control.mean is None:
        return ()
    error = max(control.se_monte_carlo or 0.0, control.se_datapoints or 0.0)
    apart = abs(control.mean) - 2.0 * error > allowed
    scattered = control.within_two_errors < _HALF * control.count and control.count >= 3
    if not apart and not (scattered and abs(control.mean) + 2.0 * error > allowed):
        return ()
    what = (
        f"on {count_of(control.count)} chosen at random AIS and importance sampling disagree (by "
        f"{plus_minus(control)} nats; {control.within_two_errors} agree within two errors)"
    )
    return (Missing(what, rerun(summary, "evidence"), "evidence"),)


def _certificate(summary: Summary, allowed: float) -> tuple[Missing, ...]:
    certificate = known(summary.certificate)
    if not certificate:
        return ()
    gap, again = certificate.gap, rerun(summary, "evidence")
    most = width(certificate)
    if most is None:
        what = "AIS could not be certified on simulated data"
        return (Missing(what, "`gapkit certify CHECKPOINT --effort thorough` says more", "evidence"),)
    if gap.left_out > (1.0 - _MOST) * (gap.count + gap.left_out):
        what = f"on {gap.left_out:,} of {count_of(gap.count + gap.left_out)} simulated AIS gave no finite bounds"
        return (Missing(what, "`gapkit certify CHECKPOINT --effort thorough` says more", "evidence"),)
    if most <= allowed:
        return ()
    what = f"on data simulated from the model AIS may be off by up to {number(most)} nats"
    return (Missing(what, again, "evidence"),)
