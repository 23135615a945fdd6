"""The one loop: work units and stages, from a model and data to a result."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.data import unpacked
from gapkit.doctor import checked_device, examine, moved_to, prepare, told
from gapkit.engine import stages
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.baselines import baselines
from gapkit.engine.certify import sandwiches
from gapkit.engine.curve import plan_curve
from gapkit.engine.details import Details, make_details
from gapkit.engine.encoders import check_encoder_names, check_encoders, in_place
from gapkit.engine.forecast import warn_if_long
from gapkit.engine.inputs import Data, encoder_inputs
from gapkit.engine.labels import check_labels, label_column
from gapkit.engine.misses import misses, still_missing, unreached
from gapkit.engine.plan import Unit, plan_units
from gapkit.engine.progress import Progress, Stopwatch
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.engine.units import Work, go_through
from gapkit.families import family_name, recognise
from gapkit.ladder import STANDARD
from gapkit.local import Bank, order, split_family
from gapkit.models.encoding import encoded
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.randomness import Key
from gapkit.results import Result
from gapkit.summary import summarise
from gapkit.version import __version__

__all__ = ["analyze"]


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
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    provenance: Mapping[str, Any] | None = None,
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
            themselves, so that a datapoint's further starts then depend on the company it is analysed in.
        encoder_x: what the encoder is given in the place of ``x``, of the same shape: grey pixels, say, for a model
            that was trained on them, where ``x`` are binary samples. ``other_x`` must be of the same form.
        original_x: the data before they were binarised; only looked at, to notice an encoder that was trained on them.
        allow: names of checks (``gapkit.doctor.CHECKS``) whose failing is known and does not stop the analysis; the
            verdict then begins with them.
        encoders: further models with the same decoder and prior, by name, such as those of ``gapkit.training.refit``:
            their L[q'] on the noise of L[q] become columns ``elbo_NAME``, ``gain_NAME`` (L[q'] minus L[q]) and
            ``left_NAME`` (L[q*] minus L[q']), so that the amortization gap is split into what that encoder reaches
            and what it leaves.
        device: where to compute.
        progress: called after every stage.
        provenance: further facts for ``run.json``.
        order: in which order to do the units; the numbers do not depend on it.

    Returns:
        The result: one row per datapoint, a summary with intervals, and the run's settings.

    Raises:
        InputError: ``spec`` together with ``effort``, ``seed`` or ``family``; the model or the data cannot be analysed,
            a check of the wiring fails that is not in ``allow``, an unknown setting, labels that are not one for each
            datapoint of a split, or an encoder that does not belong to the model's decoder or whose name would clash
            with a column.

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
    began, details = time.time(), Details()
    with frozen(model), moved_to(model, device), in_place(encoders, device):
        ready = {name: prepare(model, torch.as_tensor(data), device) for name, data in splits.items()}
        first = next(iter(ready))
        inputs = encoder_inputs(encoder_x, ready) or ready
        another = encoder_inputs(original_x, ready, "original_x") if encoder_x is None else ready
        examined = examine(
            model,
            ready[first],
            inputs=inputs[first],
            other_inputs=another[first] if another else None,
            allow=allow,
            target_se=spec.evidence.target_se,
        )
        told(examined)
        warn_if_long(spec, sum(len(data) for data in ready.values()), examined)
        classes = check_labels(labels, {name: len(data) for name, data in ready.items()})
        families = _families(model, inputs[first], spec)
        key = Key(spec.seed, tuple(range(len(ready[first]))))
        check_encoders(model, encoders, ready[first], key, inputs[first], allow)
        units = {name: plan_units(len(data), spec.unit_size) for name, data in ready.items()}
        curve = plan_curve(spec, first, len(ready[first]), families)
        of_units = sum(len(u) for u in units.values()) * (len(stages.STAGES) + bool(encoders))
        of_units += sum(curve.wants(first, unit) for unit in units[first]) + (spec.convergence > 0)
        run_stage = Stopwatch(3 + of_units + (spec.certificate > 0) + (spec.details > 0), progress)
        like = Target(model, ready[first][:1])
        bank = run_stage("bank", build_shared_bank, like, inputs, other_x, spec)
        search = run_stage("search", misses, like, bank, spec)
        work = Work(like, ready, inputs, units, bank, spec, encoders, curve, order)
        if search["widen"]:
            search = {**search, **still_missing(like, bank, spec)}
        gone = go_through(work, run_stage, widened=search["widen"], unseen=unreached(search))
        search = {**search, "control": gone.control}
        if gone.misses and not search["widen"]:
            search = {**search, "widen": True, **still_missing(like, bank, spec)}
            run_stage.total += of_units
            gone = go_through(work, run_stage, widened=True, unseen=unreached(search))
        if spec.details:
            details = run_stage("details", make_details, gone.keeper, like, spec, first)
        plain_x = other_x if encoder_x is None else None  # given in the form that the encoder wants
        simple = run_stage("baselines", baselines, like, ready, plain_x, pd.concat(gone.frames), spec.seed)
        certified = (
            run_stage("certificate", _certificate, like, bank, spec, search["widen"]) if spec.certificate else None
        )
    datapoints = pd.concat(gone.frames, ignore_index=True)
    if classes:
        datapoints.insert(datapoints.columns.get_loc("index") + 1, "label", label_column(classes, datapoints))
    run = {
        "ladder": STANDARD.to_dict(),
        "families": families,
        "settings": spec.to_dict(),
        "versions": _versions(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "preflight": examined.to_dict(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": {**run_stage.seconds, "total": time.time() - began},
        "decoder_evaluations": {**asdict(like.work), "gradient_equivalents": like.work.equivalents},
        **({"encoders": list(encoders)} if encoders else {}),
        **({"details": details.facts} if details.facts else {}),
        **(provenance or {}),
    }
    certificate, simulated = certified or (None, {})
    summary = summarise(datapoints, certificate, families, curve.summary(gone.curves))
    if examined.weight:
        summary["target"] = examined.weight
    summary["findings"] = [finding.to_dict() for finding in examined.findings]
    for split, parts in gone.further.items():
        summary["splits"][split] |= {**parts, **simple[split]}
    summary["effort"], summary["search"] = spec.effort, search
    if gone.watched.summary:
        summary["splits"][first]["convergence"] = gone.watched.summary
    return Result(datapoints, summary, run, {**details.arrays, **gone.watched.arrays, **simulated})


def _certificate(
    like: Target, bank: Bank | None, spec: AnalysisSpec, widened: bool
) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
    """Certify AIS on data simulated from the model: a summary, and the bounds of each of the simulated datapoints.

    Where the model cannot be simulated from, the summary says why.
    """
    try:
        found = sandwiches(like, bank, spec, spec.certificate, widened=widened)
    except Exception as error:  # whatever a model does when it is drawn from, the analysis before it stands
        words = str(error).strip().splitlines() or [type(error).__name__]
        return {"skipped": f"the model cannot be simulated from ({words[0]})"}, {}
    columns = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")
    return found.summary, {f"simulated_{name}": found.datapoints[name].to_numpy(float) for name in columns}


def _families(model: LatentModel, x: Tensor, spec: AnalysisSpec) -> dict[str, Any]:
    """The encoder's family, that of the split, and all that are fitted: refused, before any work, if they cannot be.

    Raises:
        InputError: there is no fit for a family, or not for so many latents.
    """
    q = encoded(model, x[:1])
    own = family_name(recognise(q))
    split = split_family(own, spec.families)
    return {"encoder": own, "split": split, "fitted": order(q.event_shape.numel(), split, spec.families)}


def _versions() -> dict[str, str]:
    return {
        "gapkit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }
