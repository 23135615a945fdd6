"""What ``summary.json`` holds, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gapkit.core.findings import Finding
from gapkit.core.means import Mean, Uncertain
from gapkit.core.records import Record
from gapkit.ladder import Ladder
from gapkit.results.records.curves import LocalSteps
from gapkit.results.records.evidence import CertificateSummary, SearchSummary
from gapkit.results.records.skipped import Skipped
from gapkit.results.records.split import Split

__all__ = ["Families", "Summary"]


@dataclass(frozen=True)
class Families(Record):
    """The families of q.

    Attributes:
        encoder: the encoder's own.
        split: that whose best member L[q*] is.
        fitted: all that were fitted.
    """

    encoder: str
    split: str
    fitted: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Summary(Record):
    """The summary of an analysis: all means in nats, with their errors.

    Attributes:
        ladder: which rungs and gaps there are.
        splits: the summary of each split by its name, the analysis' first one first.
        generalisation: the encoder's gap of the first split minus that of each other one, by "one minus other".
        certificate: what bidirectional Monte Carlo found on data simulated from the model.
        families: of q.
        semi_amortized: the curve of local steps.
        target: what stands for p(x|z) where that is no density of x, ``cross_entropy``; else ``condition`` where all is
            given a condition c.
        findings: of the checks before the work.
        effort: ``quick``, ``standard`` or ``thorough``.
        search: what the search for modes misses.

    Example:
        >>> Summary.of({"splits": {"test": {"datapoints": 3, "other_start": 0}}}).first.datapoints
        3
    """

    ladder: Ladder
    splits: Mapping[str, Split]
    generalisation: Mapping[str, Uncertain] = field(default_factory=dict)
    certificate: Skipped | CertificateSummary | None = None
    families: Families | None = None
    semi_amortized: Skipped | LocalSteps | None = None
    target: str | None = None
    findings: tuple[Finding, ...]
    effort: str | None
    search: SearchSummary | None = None

    @property
    def first(self) -> Split:
        """The split that verdict and card are about."""
        return next(iter(self.splits.values()))

    @property
    def quantities(self) -> Mapping[str, Mean]:
        """The means of the first split."""
        return self.first.quantities

    def to_dict(self) -> dict[str, Any]:
        """What ``summary.json`` holds: the means of the first split a second time, in front."""
        plain = super().to_dict()
        means = plain["splits"][next(iter(self.splits))]["quantities"]
        return {"ladder": plain.pop("ladder"), "quantities": means, **plain}
