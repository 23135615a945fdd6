"""A study of amortization in words: which inference function is needed, what it loses, and why."""

import pandas as pd

from gapkit.core.phrases import listed
from gapkit.ladder import STANDARD, error_of
from gapkit.results.amortization_study import Candidate, Study
from gapkit.results.verdict import number, with_error

__all__ = ["amortization_words"]

_CERTAIN = 1e-6  # nats: an error that is none


def amortization_words(study: Study, row: pd.Series) -> list[str]:
    """Sentences: whether to amortize and with what, what a narrower function loses, why, and how sure that is.

    Args:
        study: of a data set.
        row: its rungs and gaps.
    """
    sentences = [_headline(study), *_narrower(study), *_smaller(study), _why(study), _levels(study, row)]
    sentences += [*_polished(study), *_repeated(study), *_sure(study)]
    return [sentence for sentence in sentences if sentence]


def _nats(one: Candidate) -> str:
    return _value(one.gap, one.error)


def _value(value: float, error: float) -> str:
    return with_error(value, error) if error > _CERTAIN else number(value, 3)


def _headline(study: Study) -> str:
    best, count = study.best, f"{study.datapoints:,} datapoints"
    loses = f"{_nats(best)} nats over {count}"
    if study.answer == "amortize":
        worth = f"which is less than the {study.worth:g} worth acting on"
        enough = (
            " So little do the data say of each z[n] that even one factor for all loses no more than "
            f"{number(study.constant, 3)} nats."
            if study.constant < study.worth
            else ""
        )
        return f"Amortize: {_article(best.label)} loses {loses} against factorized inference, {worth}.{enough}"
    if study.answer == "wider":
        return (
            f"Give the inference function more: the best that was fitted, {_article(best.label)}, still loses {loses} "
            f"against factorized inference; with {study.ideal} one can lose nothing, so try a wider or better "
            "trained network."
        )
    return (
        f"Do not amortize with these windows: the best function that was fitted, {_article(best.label)}, still loses "
        f"{loses} against factorized inference. Ways: a wider window, or factorized inference, from the "
        "amortized optimum if time matters."
    )


def _article(label: str) -> str:
    return label if label.startswith(("constant", "own")) else f"a {label}"


def _narrower(study: Study) -> list[str]:
    narrow = study.narrowest()
    if narrow.inputs >= study.best.inputs or narrow.gap <= study.worth:
        return []
    return [
        f"A function of {narrow.window} alone is not enough: the best of them loses {_nats(narrow)} nats "
        f"({number(narrow.gap / study.datapoints, 4)} a datapoint)."
    ]


def _smaller(study: Study) -> list[str]:
    """What the next smaller function of the same inputs loses."""
    same = [one for one in study.candidates if one.window == study.best.window]
    before = same[: same.index(study.best)]
    if not before or not study.enough or before[-1].gap <= study.worth:
        return []
    return [f"Of the same inputs, {_article(before[-1].label)} is not enough: it loses {_nats(before[-1])} nats."]


def _why(study: Study) -> str:
    sees = "no x" if not study.offsets else listed([_place(offset) for offset in study.offsets])
    if study.ideal:
        return (
            "That is as the model's graph has it: given theta no z[n] meets another, and each meets "
            f"{sees}, so that an ideal inference function of {study.ideal} exists."
        )
    if study.reach == 0:
        what = "the terms of the datapoints differ by more than what x says" if not study.same else "z[n] meets all x"
        return f"No theorem promises an ideal inference function here: {what}. Put what differs into x, as a column."
    far = "all others" if study.reach is None else f"those up to {study.reach} away"
    return (
        f"Here z[n] meets {far} in the model, so that no function of a window short of all of x is ideal in general: "
        "a loss can become small with a wider window, and not vanish."
    )


def _place(offset: int) -> str:
    return "x[n]" if offset == 0 else f"x[n{offset:+d}]"


def _levels(study: Study, row: pd.Series) -> str:
    family, _ = STANDARD.gaps  # both ladders call this gap the same
    gap = _value(row[family.name], row[error_of(family.name)])
    return (
        f"In numbers: log p(x) is {number(row['log_px'], 2)} nats, the best factorised q reaches "
        f"{number(row['elbo_fvi'], 2)} ({gap} below), the inference function {number(row['elbo_avi'], 2)}, and one "
        f"factor for all {number(row['elbo_constant'], 2)} ({number(study.constant, 2)} below factorized inference)."
    )


def _polished(study: Study) -> list[str]:
    gain = study.polish.gain
    if gain <= max(2 * study.polish.error, 1e-6):
        return []
    return [f"Steps of factorized inference from the function's answer recover {number(gain, 3)} nats."]


def _repeated(study: Study) -> list[str]:
    repeats = study.repeats
    if not repeats.groups:
        return []
    groups = f"{repeats.groups:,} group{'s' if repeats.groups > 1 else ''} of datapoints with equal inputs"
    if not repeats.differing:
        return [f"There {'are' if repeats.groups > 1 else 'is'} {groups}, and their optimal factors are equal too."]
    have = "has" if repeats.differing == 1 else "have"
    return [
        f"Of {groups}, {repeats.differing:,} {have} optimal factors that differ (by up to {number(repeats.most, 2)} "
        f"standard deviations): no function of that window can give both; sharing them loses {number(repeats.lost, 2)} "
        "nats."
    ]


def _sure(study: Study) -> list[str]:
    words = {
        "exact": "All bounds are exact: the posterior is Gaussian.",
        "quadrature": "Bounds are by quadrature, without Monte Carlo noise",
        "monte carlo": "Bounds are means over draws, the same for all, so that differences are paired",
    }[study.objective]
    if study.objective == "exact":
        return [words]
    top = {
        "exact": "log p(x) is exact",
        "quadrature": "log p(x) is by quadrature",
        "ais": "log p(x) is an AIS estimate, which is below it on average: the approximation gap may be larger",
    }[study.evidence]
    left = f"by its gradients, factorized inference is {number(study.fixed_point, 3)} nats below its optimum"
    return [f"{words}; {top}; {left}."]
