"""What a study of amortization found, as values and in words: which inference function is needed, and what it loses."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gapkit.core.files import write_json
from gapkit.core.phrases import listed
from gapkit.core.records import Record
from gapkit.core.views import view
from gapkit.results.result import Result
from gapkit.results.verdict import number, with_error

_CERTAIN = 1e-6  # nats: an error that is none

__all__ = ["Amortization", "Candidate", "Polish", "Repeats", "Study"]


@dataclass(frozen=True)
class Candidate(Record):
    """An inference function that was fitted.

    Attributes:
        label: its class and window.
        window: what it sees, such as ``x[n-1..n]``.
        inputs: how many x it sees.
        capacity: its class without the window.
        elbo: in nats, of the whole data set.
        gap: L[F-VI] minus that.
        error: Monte Carlo standard error of the gap.
    """

    label: str
    window: str
    inputs: int
    capacity: str
    elbo: float
    gap: float
    error: float


@dataclass(frozen=True)
class Polish(Record):
    """A few F-VI steps from A-VI's optimum: a gain says that a better inference function would help.

    Attributes:
        gain: in nats.
        error: Monte Carlo standard error of the gain.
    """

    gain: float
    error: float


@dataclass(frozen=True)
class Repeats(Record):
    """Datapoints with equal inputs, whose factors an inference function must make equal.

    Attributes:
        groups: of two or more datapoints with equal windows.
        differing: groups whose optimal factors differ.
        most: the largest difference of two optimal means, in standard deviations of the factors.
        lost: nats that F-VI loses where each group shares a factor: the mean of means and of variances.
    """

    groups: int
    differing: int
    most: float
    lost: float


@dataclass(frozen=True)
class Study(Record):
    """What was found on one data set.

    Attributes:
        model: its name.
        datapoints: N.
        global_size: numbers of theta.
        local_size: numbers of each z_n.
        objective: how ELBOs were had: ``exact``, ``quadrature`` or ``monte carlo``.
        evidence: how log p(x) was had: ``exact``, ``quadrature`` or ``ais``.
        reach: how far apart z_n meet; None for any distance.
        offsets: m - n of the x_m that z_n meets.
        same: whether the terms of all datapoints are one function.
        ideal: the window with which a function can lose nothing; None where no theorem promises one.
        candidates: fitted, in the order of inputs and capacity.
        chosen: the label of the smallest that is good enough, else of the best.
        enough: whether it is good enough.
        worth: nats of the data set below which a loss is no matter.
        constant: what the constant factor loses against F-VI.
        polish: from the chosen one.
        repeats: of the chosen one's window.
        fixed_point: how far one sweep of coordinate ascent moves F-VI's optimum, in nats to gain.
        seconds: of the whole study.
    """

    model: str
    datapoints: int
    global_size: int
    local_size: int
    objective: str
    evidence: str
    reach: int | None
    offsets: tuple[int, ...]
    same: bool
    ideal: str | None
    candidates: tuple[Candidate, ...]
    chosen: str
    enough: bool
    worth: float
    constant: float
    polish: Polish
    repeats: Repeats
    fixed_point: float
    seconds: float

    @property
    def best(self) -> Candidate:
        """The chosen one."""
        return next(one for one in self.candidates if one.label == self.chosen)

    def narrowest(self) -> Candidate:
        """The best of those that see the fewest inputs."""
        fewest = min(one.inputs for one in self.candidates)
        return min((one for one in self.candidates if one.inputs == fewest), key=lambda one: one.gap)

    @property
    def answer(self) -> str:
        """``amortize``, ``wider`` (no function tried is good enough, one can be), or ``factorize``."""
        return "amortize" if self.enough else "wider" if self.ideal else "factorize"


@dataclass(frozen=True, eq=False)
class Amortization:
    """Can inference be amortized, with which function, and at what loss?

    Attributes:
        result: log p(x), L[F-VI], L[A-VI] and L[const] of each data set, a result like any other.
        study: of the first data set.
    """

    result: Result
    study: Study

    @property
    def table(self) -> pd.DataFrame:
        """The inference functions that were fitted, a row for each, in nats."""
        return pd.DataFrame([vars(one) for one in self.study.candidates])

    def verdict(self) -> list[str]:
        """The answer in sentences, the most important one first."""
        return verdict(self)

    def report(self, path: str | Path) -> Path:
        """Write the report, a page of HTML or a PDF by the ending of the name.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written

    def save(self, folder: str | Path) -> Path:
        """Write the result's files and ``amortization.json`` into a folder that is new or empty.

        Raises:
            InputError: it holds something, or cannot be written.
        """
        place = self.result.save(Path(folder))
        write_json(place / "amortization.json", self.study.to_dict())
        return place


def verdict(found: Amortization) -> list[str]:
    """Sentences: whether to amortize and with what, what a narrower function loses, why, and how sure that is."""
    study = found.study
    sentences = [_headline(study), *_narrower(study), *_smaller(study), _why(study), _levels(found)]
    sentences += [*_polished(study), *_repeated(study), *_sure(found)]
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


def _levels(found: Amortization) -> str:
    row, study = found.result.datapoints.iloc[0], found.study
    gap = _value(row["approximation_gap"], row["approximation_gap_se"])
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


def _sure(found: Amortization) -> list[str]:
    study = found.study
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
