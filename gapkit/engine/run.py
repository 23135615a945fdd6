"""An analysis: resolve the settings, prepare, share a bank of starts, run the units, gather, and make the details."""

import platform
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from traceback import clear_frames
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.doctor import checked_device, moved_to
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.baselines import baselines
from gapkit.engine.certify import sandwiches
from gapkit.engine.details import make_details
from gapkit.engine.encoders import check_encoder_names, in_place
from gapkit.engine.gather import Failure, Gathered, gather
from gapkit.engine.identity import identity_of_encoder, identity_of_work
from gapkit.engine.inputs import Data
from gapkit.engine.labels import label_column
from gapkit.engine.misses import misses, still_missing, unreached
from gapkit.engine.own_bounds import checked_bounds, described, facts, warn_of_skipped
from gapkit.engine.plan import Unit
from gapkit.engine.prepared import Prepared, prepared
from gapkit.engine.progress import Progress, Stopwatch
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.engine.store import Collected, Memory, Store
from gapkit.engine.unit import Work, run_unit
from gapkit.estimators import Estimator
from gapkit.inputs.data import unpacked
from gapkit.ladder import STANDARD
from gapkit.local import Bank, own_families
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.results import Result
from gapkit.results.records import AisCertificate, SearchFound, Skipped
from gapkit.results.summary import summarise
from gapkit.target import Target
from gapkit.version import __version__

__all__ = ["analyze"]

_MOST_HELD = 10_000_000  # numbers, less than a hundred megabytes


def analyze(
    model: LatentModel,
    x: Any,
    spec: AnalysisSpec | None = None,
    *,
    effort: str | None = None,
    seed: int | None = None,
    family: str | Sequence[str] | None = None,
    labels: Tensor | np.ndarray | Mapping[str, Tensor | np.ndarray | None] | None = None,
    other_x: Tensor | None = None,
    encoder_x: Data = None,
    original_x: Data = None,
    allow: Sequence[str] = (),
    encoders: Mapping[str, LatentModel] | None = None,
    bounds: Mapping[str, Estimator] | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    provenance: Mapping[str, Any] | None = None,
    store: Store | None = None,
    order: Callable[[tuple[Unit, ...]], tuple[Unit, ...]] = tuple,
) -> Result:
    """Estimate log p(x), fit q* and split the inference gap of every datapoint.

    Args:
        model: an object of the model contract (``gapkit.from_pair`` builds one).
        x: data of shape (N, *x_shape), also as a ``torch.utils.data`` Dataset or DataLoader; or several data sets by
            the name of their split, such as
            ``{"test": ..., "train": ...}``.
        spec: all settings; None takes those of ``effort``, with ``seed`` and ``family``, which a spec has already.
        effort: ``quick``, ``standard`` (the default) or ``thorough``.
        seed: of all random numbers; 0 by default.
        family: families of q* to fit beside the Gaussian ones, a name or several; None fits the encoder's own. The
            gap is split in the encoder's own family unless others are named without it.
        labels: class labels of shape (N,): integers or words; or several by the name of their split, as ``x``, where a
            split may have none. They become the column ``label``, the gaps (in nats) are summarised by class, and
            they have no influence on any other number. Floats that are not whole make a column and no classes.
        other_x: data whose encodings serve as starts of the fits (training data, say); None takes the analysed data
            themselves, so that a datapoint's further starts then depend on the others in the run.
        encoder_x: what the encoder is given in place of ``x``, of the same shape: grey pixels, say, for a model that
            was trained on them, where ``x`` are binary samples. ``other_x`` must be of the same form.
        original_x: the data before they were binarised; only looked at, to notice an encoder that was trained on them.
        allow: names of checks (``gapkit.doctor.CHECKS``) whose failing is known and does not stop the analysis; the
            verdict then begins with them.
        encoders: further models with the same decoder and prior, by name, such as those of ``gapkit.training.refit``:
            their L[q'] on the noise of L[q] become columns ``elbo_NAME``, ``gain_NAME`` (L[q'] minus L[q]) and
            ``left_NAME`` (L[q*] minus L[q']), so that the amortization gap is split into what that encoder reaches
            and what it leaves.
        bounds: estimators of one's own by name (or of the package's, such as ``gapkit.estimators.ReciprocalIs()``), on
            the encoder's q: each becomes columns ``NAME`` and ``NAME_se``, in nats, and stands in summary, report and
            comparison. One that raises has NaN in the datapoints of that unit, and the reason is kept.
        device: where to compute.
        progress: called after every stage.
        provenance: further facts for ``run.json``.
        store: keeps what each stage gave (:class:`gapkit.engine.Memory`), so that a later analysis with the same store
            makes only what is new in it: one more family, say. None keeps nothing.
        order: in which order to do the units; the numbers do not depend on it.

    Returns:
        The result: one row per datapoint, a summary with intervals, and the run's settings.

    Raises:
        InputError: ``spec`` together with ``effort``, ``seed`` or ``family``; the model or the data cannot be analysed,
            a check of the wiring fails that is not in ``allow``, an unknown setting, labels that are not one for each
            datapoint of a split, an encoder that does not belong to the model's decoder, an estimator that is none,
            or a name of theirs that would clash with a column.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> result = analyze(model, torch.ones(5, 6), effort="quick")
        >>> len(result.to_frame())
        5
    """
    named = (family,) if isinstance(family, str) else tuple(family or ())
    spec = resolve(spec, effort, seed, named)
    x, labels = unpacked(x, labels)
    splits = dict(x) if isinstance(x, Mapping) else {"test": x}
    if not splits:
        raise InputError("data to analyse", "an empty mapping", "give at least one split")
    device, encoders = checked_device(device), dict(encoders or {})
    check_encoder_names(encoders)
    bounds = checked_bounds(bounds or {})
    began = time.time()
    with frozen(model), moved_to(model, device), in_place(encoders, device):
        ready = prepared(model, splits, labels, encoder_x, original_x, allow, encoders, spec, device)
        like = Target(model, ready.data[ready.first][:1])
        run_stage = Stopwatch(ready.stages + 3 + (spec.certificate > 0) + (spec.details > 0), progress)
        bank = run_stage("bank", build_shared_bank, like, ready.inputs, other_x, spec)
        search = run_stage("search", misses, like, bank, spec)
        work = Work(like, ready.data, ready.inputs, bank, spec, encoders, ready.curve, bounds=bounds)
        gathered, failures, search = _measured(work, ready, order, run_stage, search, store)
        details = run_stage("details", make_details, gathered.chosen, like, spec, ready.first) if spec.details else None
        plain_x = other_x if encoder_x is None else None  # given in the form that the encoder wants
        tables = pd.concat(gathered.frames.values())
        simple = run_stage("baselines", baselines, like, ready.data, plain_x, tables, spec.seed)
        certified = run_stage("certificate", _certificate, like, bank, spec, search.widen) if spec.certificate else None
    datapoints = pd.concat(gathered.frames.values(), ignore_index=True)
    if ready.classes:
        labelled = label_column(ready.classes, datapoints)
        datapoints.insert(datapoints.columns.get_loc("index") + 1, "label", labelled)
    certificate, simulated = certified or (None, {})
    curve = ready.curve.summary(gathered.curves, gathered.skipped)
    families = (ready.families.encoder, *ready.families.fitted)
    ladder = replace(STANDARD, further=(*described(bounds, gathered.sides), *own_families(families)))
    summary = summarise(
        datapoints,
        certificate,
        ready.families,
        curve,
        ladder,
        target=ready.examined.weight,
        findings=ready.examined.findings,
        effort=spec.effort,
        search=search,
    )
    watched, splits = {ready.first: gathered.watched.summary}, {}
    for split, parts in gathered.beside.items():
        beside = {**vars(parts), **vars(simple[split]), "convergence": watched.get(split)}
        splits[split] = replace(summary.splits[split], **beside)
        warn_of_skipped(split, parts.skipped)
    summary = replace(summary, splits=splits)
    run = {
        "ladder": ladder.to_dict(),
        "families": ready.families.to_dict(),
        "settings": spec.to_dict(),
        "versions": _versions(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "preflight": ready.examined.to_dict(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": {**run_stage.seconds, "total": time.time() - began},
        "decoder_evaluations": {**asdict(like.work), "gradient_equivalents": like.work.equivalents},
        **({"failed": [failure.to_dict() for failure in failures]} if failures else {}),
        **({"without": list(gathered.without)} if gathered.without else {}),
        **({"encoders": list(encoders)} if encoders else {}),
        **({"bounds": facts(bounds)} if bounds else {}),
        **({"details": details.facts} if details and details.facts else {}),
        **(provenance or {}),
    }
    arrays = details.arrays if details else {}
    return Result(datapoints, summary, run, {**arrays, **gathered.watched.arrays, **simulated})


def _measured(
    work: Work,
    ready: Prepared,
    order: Callable[[tuple[Unit, ...]], tuple[Unit, ...]],
    run_stage: Stopwatch,
    search: SearchFound,
    store: Store | None,
) -> tuple[Gathered, list[Failure], SearchFound]:
    """All units, and once more with a wider search where the first round shows that modes are missed.

    The second round has fits and evidence of the first, where those are few enough to be held that long.
    """
    units = [(split, unit) for split, planned in ready.units.items() for unit in order(planned)]
    if store is None and not search.widen and _held(work) <= _MOST_HELD:
        store = Memory()
    if store is not None:
        work = _identified(work)
    if search.widen:
        search = still_missing(work.like, work.bank, work.spec, search)
    gathered, failures = _through(
        replace(work, widened=search.widen, missed=unreached(search)), units, run_stage, store
    )
    search = replace(search, control=gathered.control)
    if gathered.misses and not search.widen:
        search = still_missing(work.like, work.bank, work.spec, replace(search, widen=True))
        run_stage.total += ready.stages
        gathered, failures = _through(replace(work, widened=True, missed=unreached(search)), units, run_stage, store)
    return gathered, failures, search


def _held(work: Work) -> int:
    """About how many numbers the fits and bounds of all datapoints have: a matrix for each mode, and draws."""
    dim, spec = work.like.dim, work.spec
    each = spec.fit.most(dim) * dim * dim + 3 * spec.elbo.num_samples + 2 * spec.iwae.num_samples
    return sum(len(x) for x in work.data.values()) * each


def _identified(work: Work) -> Work:
    """The work with the identities under which its outputs are kept."""
    x, inputs = work.data[work.first], work.inputs[work.first]
    theirs = {name: identity_of_encoder(model, inputs) for name, model in work.encoders.items()}
    return replace(work, identity=identity_of_work(work.like, x, inputs, work.bank), identities=theirs)


def _through(
    work: Work, units: Sequence[tuple[str, Unit]], run_stage: Stopwatch, store: Store | None
) -> tuple[Gathered, list[Failure]]:
    """Run the units, with what the store has of them, and gather; one that fails leaves the others as they are."""
    collected, failures = Collected(work.spec.details), []
    for split, unit in units:
        have = store.have(split, unit) if store is not None else {}
        try:
            finished = run_unit(work, split, unit, run_stage.tell, have)
        except Exception as error:  # whatever a model does on these datapoints, the others are measured
            clear_frames(error.__traceback__)  # which would hold on to all that the unit had made
            failures.append(Failure(split, unit, error))
            continue
        if store is not None:
            store.keep(split, unit, finished.outputs)
        collected.put(finished)
        run_stage.add(finished.seconds)
    gathered = gather(work, collected, failures)
    for failure in failures:
        facts = failure.to_dict()
        words = f"datapoints {facts['from']} to {facts['to']} of {failure.split} have no numbers: {facts['reason']}"
        warnings.warn(words, GapkitWarning, stacklevel=2)
    for left in gathered.without:
        where = f"datapoints {left['from']} to {left['to']} of {left['split']}"
        words = f"{where} have no q* in the family {left['family']}: {left['reason']}"
        warnings.warn(words, GapkitWarning, stacklevel=2)
    return gathered, failures


def _certificate(
    like: Target, bank: Bank | None, spec: AnalysisSpec, widened: bool
) -> tuple[AisCertificate | Skipped, Mapping[str, np.ndarray]]:
    """Certify AIS on data simulated from the model: a summary, and the bounds of each of the simulated datapoints.

    Where the model cannot be simulated from, the summary says why.
    """
    try:
        found = sandwiches(like, bank, spec, spec.certificate, widened=widened)
    except Exception as error:  # a model may raise anything when it is drawn from, and the analysis does not need it
        words = str(error).strip().splitlines() or [type(error).__name__]
        return Skipped(f"the model cannot be simulated from ({words[0]})"), {}
    columns = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")
    return found.summary_values, {f"simulated_{name}": found.datapoints[name].to_numpy(float) for name in columns}


def _versions() -> dict[str, str]:
    return {
        "gapkit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }
