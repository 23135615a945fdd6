"""What was found on one data set: inference functions, what they lose, and why."""

from dataclasses import dataclass

from gapkit.core.records import Record

__all__ = ["Candidate", "Polish", "Repeats", "Study"]


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
