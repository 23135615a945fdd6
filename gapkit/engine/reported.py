"""What comes after the units: pictures, simple models and a certificate, and the result made of all of it."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from gapkit.engine.baselines import baselines
from gapkit.engine.begin import Begun
from gapkit.engine.certify import sandwiches
from gapkit.engine.details import Details, make_details
from gapkit.engine.gather import Gathered
from gapkit.engine.given import Given
from gapkit.engine.labels import label_column
from gapkit.engine.outputs import Cost
from gapkit.engine.own_bounds import described, facts, warn_of_skipped
from gapkit.engine.request import versions
from gapkit.engine.skipped import out_of_memory, reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.local import Bank, families_in_words
from gapkit.results import Result
from gapkit.results.records import CertificateSummary, SearchSummary, Skipped
from gapkit.results.summary import summarise
from gapkit.target import Target
from gapkit.target.work import Work as Counted

__all__ = ["Closer", "looked_closer", "reported"]


@dataclass(frozen=True)
class Closer:
    """What is looked at once all units are there.

    Attributes:
        details: arrays for pictures, if they are asked for.
        simple: simple models of the data, by split.
        certificate: of AIS on simulated data, if it is asked for, or why there is none.
        simulated: the bounds of each of the simulated datapoints.
    """

    details: Details | None
    simple: Mapping[str, Any]
    certificate: CertificateSummary | Skipped | None
    simulated: Mapping[str, np.ndarray]


def looked_closer(analysis: Begun, given: Given, gathered: Gathered, search: SearchSummary) -> Closer:
    """Make pictures of a few datapoints, fit simple models, certify AIS on simulated data."""
    ready, work, run_stage = analysis.ready, analysis.work, analysis.run_stage
    spec, like = work.spec, work.like
    details = None
    if spec.details:
        details = run_stage("details", make_details, gathered.chosen, like, spec, ready.first, gathered.draws)
    plain_x = given.other_x if given.encoder_x is None else None  # else it is in the form that the encoder wants
    simple = run_stage(
        "baselines", baselines, like, ready.data, plain_x, pd.concat(gathered.frames.values()), spec.seed
    )
    if not spec.certificate:
        return Closer(details, simple, None, {})
    return Closer(details, simple, *run_stage("certificate", _certificate, like, work.bank, spec, search.widen))


def reported(
    analysis: Begun,
    gathered: Gathered,
    search: SearchSummary,
    closer: Closer,
    in_units: Counted,
    began: float,
    provenance: Mapping[str, Any],
) -> Result:
    """Summarise, and put all facts of the run together.

    Args:
        analysis: what was analysed.
        gathered: what its units gave.
        search: what the search for modes misses on simulated data.
        closer: what was looked at afterwards.
        in_units: decoder evaluations of this process that the units took.
        began: when, in seconds since 1970.
        provenance: further facts for ``run.json``.
    """
    ready, work, run_stage = analysis.ready, analysis.work, analysis.run_stage
    spec, like = work.spec, work.like
    datapoints = pd.concat(gathered.frames.values(), ignore_index=True)
    if ready.classes:
        labelled = label_column(ready.classes, datapoints)
        datapoints.insert(datapoints.columns.get_loc("index") + 1, "label", labelled)
    families = (ready.families.encoder, *ready.families.fitted)
    ladder = replace(work.ladder, further=(*described(work.bounds, gathered.sides), *families_in_words(families)))
    summary = summarise(
        datapoints,
        closer.certificate,
        ready.families,
        ready.curve.summary(gathered.curves, gathered.skipped),
        ladder,
        target=ready.examined.weight or (None if like.condition is None else "condition"),
        findings=ready.examined.findings,
        effort=spec.effort,
        search=search,
    )
    watched, splits = {ready.first: gathered.watched.summary}, {}
    for split, parts in gathered.beside.items():
        beside = {**vars(parts), **vars(closer.simple[split]), "convergence": watched.get(split)}
        splits[split] = replace(summary.splits[split], **beside)
        warn_of_skipped(split, parts.skipped)
    details = closer.details
    run = {
        "ladder": ladder.to_dict(),
        "families": ready.families.to_dict(),
        "settings": spec.to_dict(),
        "versions": versions(),
        "threads": torch.get_num_threads(),
        "device": str(like.device),
        "preflight": ready.examined.to_dict(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": {**run_stage.seconds, "total": time.time() - began},
        "decoder_evaluations": _spent(like, in_units, gathered.costs),
        **({"failed": [failure.to_dict() for failure in gathered.failures]} if gathered.failures else {}),
        **({"cut": [cut.to_dict() for cut in gathered.cuts]} if gathered.cuts else {}),
        **({"without": [left.to_dict() for left in gathered.without]} if gathered.without else {}),
        **({"kept_units": gathered.kept} if gathered.kept else {}),
        **({"encoders": list(work.encoders)} if work.encoders else {}),
        **({"bounds": facts(work.bounds)} if work.bounds else {}),
        **({"details": details.facts} if details and details.facts else {}),
        **provenance,
    }
    arrays = {**(details.arrays if details else {}), **gathered.watched.arrays, **closer.simulated}
    return Result(datapoints, replace(summary, splits=splits), run, arrays)


def _spent(like: Target, units: Counted, costs: Mapping[str, Cost]) -> dict[str, Any]:
    """Decoder evaluations of a run: of the stages of its units, whenever and wherever they were made, and others.

    Args:
        like: has the count of this process.
        units: what of it the units took.
        costs: of the stages of all units.
    """
    counts = {name: count - getattr(units, name) for name, count in asdict(like.work).items()}
    for cost in costs.values():
        counts = {name: count + getattr(cost.work, name) for name, count in counts.items()}
    return {**counts, "gradient_equivalents": Counted(**counts).equivalents}


def _certificate(
    like: Target, bank: Bank | None, spec: AnalysisSpec, widened: bool
) -> tuple[CertificateSummary | Skipped, Mapping[str, np.ndarray]]:
    """Certify AIS on data simulated from the model: a summary, and the bounds of each of the simulated datapoints.

    Where the model cannot be simulated from, the summary says why.
    """
    size = min(spec.unit_size, spec.certificate)
    while True:
        try:
            found = sandwiches(like, bank, replace(spec, unit_size=size), spec.certificate, widened=widened)
            break
        except Exception as error:  # a model may raise anything when it is drawn from, and the analysis goes on
            if out_of_memory(error) and size > 1:
                size = (size + 1) // 2
                continue
            why = "memory is too small for it" if out_of_memory(error) else "the model cannot be simulated from"
            return Skipped(f"{why} ({reason(error)})"), {}
    columns = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")
    return found.summary_values, {f"simulated_{name}": found.datapoints[name].to_numpy(float) for name in columns}
