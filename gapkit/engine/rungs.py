"""The rungs of an analysis: log p(x), L[q*], encoders between them where they are asked for, and L[q].

A ladder with more rungs than the usual three has further encoders of the same decoder on it, in the place of side
notes: the best one for each data set, say, above one for all of them. What a rung is called says whose it is:
``elbo_NAME`` is that of the further encoder NAME.
"""

from collections.abc import Iterable, Mapping

from gapkit.core.errors import InputError
from gapkit.estimators import Estimate
from gapkit.ladder import STANDARD, Gap, Ladder, side_name

__all__ = ["checked_ladder", "levels_of", "signed"]


def checked_ladder(ladder: Ladder, encoders: Iterable[str]) -> Ladder:
    """The ladder, if an analysis can fill it.

    Args:
        ladder: log p(x), L[q*] and L[q] by their usual names, and rungs of further encoders between the last two.
        encoders: the names of the further encoders that are given.

    Raises:
        InputError: another top, bottom or fitted rung, or a rung between them that no encoder is given for.

    Example:
        >>> checked_ladder(STANDARD, ["refit"]) is STANDARD
        True
    """
    fixed = tuple(rung.name for rung in STANDARD.rungs)
    names = tuple(rung.name for rung in ladder.rungs)
    asked, fitted = f"a ladder of {', '.join(names)}", ladder.fitted
    outer = (*names[:2], names[-1]) if len(names) > 2 else names
    if outer != fixed or fitted is None or fitted.name != names[1] or ladder.total.name != STANDARD.total.name:
        found = "an analysis fills log_px, elbo_star (which is fitted) and elbo, with the total gap total_gap"
        raise InputError(
            asked, found, "begin with gapkit.ladder.STANDARD and put rungs of encoders between elbo_star and elbo"
        )
    known = {side_name("encoder", name, ladder) for name in encoders}
    lacking = [name for name in names[2:-1] if name not in known]
    if lacking:
        prefix = side_name("encoder", "", ladder)
        do = f"give it: encoders={{{lacking[0].removeprefix(prefix)!r}: model}}, or leave the rung out"
        raise InputError(asked, f"no further encoder for {lacking[0]}", do)
    return ladder


def levels_of(
    ladder: Ladder, log_px: Estimate, star: Estimate, others: Mapping[str, Estimate], encoder: Estimate
) -> dict[str, Estimate]:
    """The estimate of every rung by its name, from the top down; each of shape (B,), in nats.

    Args:
        ladder: see :func:`checked_ladder`.
        log_px: log p(x).
        star: L[q*].
        others: L[q'] of further encoders by their names; those that have no rung are left out.
        encoder: L[q].
    """
    top, fitted, *between, bottom = (rung.name for rung in ladder.rungs)
    by_rung = {side_name("encoder", name, ladder): other for name, other in others.items()}
    return {top: log_px, fitted: star, **{name: by_rung[name] for name in between}, bottom: encoder}


def signed(ladder: Ladder) -> list[Gap]:
    """The gaps that no exact number makes negative: their upper end is log p(x) or L[q*], and not another encoder's.

    Example:
        >>> [gap.name for gap in signed(STANDARD)]
        ['approximation_gap', 'amortization_gap', 'total_gap']
    """
    upper = (ladder.top, ladder.fitted)
    return [gap for gap in ladder.all_gaps if ladder.ends(gap)[0] in upper]
