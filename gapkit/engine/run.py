"""An analysis: resolve the settings, prepare, share a bank of starts, run the units, gather, look closer, report."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import GapkitWarning
from gapkit.core.following import followed
from gapkit.core.trees import Tree
from gapkit.engine.begin import Begun, begun
from gapkit.engine.execute import Executor, Local
from gapkit.engine.gather import Collected, Gathered, gather
from gapkit.engine.given import Given
from gapkit.engine.inputs import Data
from gapkit.engine.misses import still_missing, unreached
from gapkit.engine.pipeline import pipeline
from gapkit.engine.progress import Progress
from gapkit.engine.reported import looked_closer, reported
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.engine.store import Store
from gapkit.engine.temporary import temporary
from gapkit.engine.work import Work
from gapkit.estimators import Estimator
from gapkit.ladder import STANDARD, Ladder
from gapkit.models.protocol import LatentModel
from gapkit.results import Result
from gapkit.results.records import SearchSummary

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
    condition: Tree = None,
    allow: Sequence[str] = (),
    encoders: Mapping[str, LatentModel] | None = None,
    bounds: Mapping[str, Estimator] | None = None,
    ladder: Ladder = STANDARD,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | bool | None = None,
    provenance: Mapping[str, Any] | None = None,
    store: Store | None = None,
    executor: Executor | None = None,
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
        condition: c of a conditional model (see :class:`gapkit.models.LatentModel`): numbers of shape (N, ...), or a
            tuple or mapping of such; or several by the name of their split.
        allow: names of checks (``gapkit.doctor.CHECKS``) whose failing is known and does not stop the analysis; the
            verdict then begins with them.
        encoders: further models with the same decoder and prior, by name, such as those of ``gapkit.training.refit``:
            their L[q'] on the noise of L[q] become columns ``elbo_NAME``, ``gain_NAME`` (L[q'] minus L[q]) and
            ``left_NAME`` (L[q*] minus L[q']), so that the amortization gap is split into what that encoder reaches
            and what it leaves.
        bounds: estimators of one's own by name (or of the package's, such as ``gapkit.estimators.ReciprocalIs()``), on
            the encoder's q: each becomes columns ``NAME`` and ``NAME_se``, in nats, and stands in summary, report and
            comparison. One that raises has NaN in the datapoints of that unit, and the reason is kept.
        ladder: the rungs and the gaps between them. Beside log p(x), L[q*] and L[q] it may have rungs of ``encoders``
            between the last two, called ``elbo_NAME``; such an encoder then stands on the ladder and not beside it.
        device: where to compute.
        progress: called after every stage; True shows a bar, as ``gapkit.progress_bar()`` does.
        provenance: further facts for ``run.json``.
        store: keeps what each stage gave (:class:`gapkit.engine.Memory`), so that a later analysis with the same store
            makes only what is new in it: one more family, say. None keeps nothing beyond this run.
        executor: who runs the units; None runs them here, one after the other. The numbers do not depend on it.

    Returns:
        The result: one row per datapoint, a summary with intervals, and the run's settings.

    Raises:
        InputError: ``spec`` together with ``effort``, ``seed`` or ``family``; the model or the data cannot be analysed,
            a check of the wiring fails that is not in ``allow``, an unknown setting, labels that are not one for each
            datapoint of a split, an encoder that does not belong to the model's decoder, an estimator that is none,
            a name of theirs that would clash with a column, or a ladder that cannot be filled.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> result = analyze(model, torch.ones(5, 6), effort="quick")
        >>> len(result.to_frame())
        5
    """
    named = (family,) if isinstance(family, str) else tuple(family or ())
    spec = resolve(spec, effort, seed, named)
    given = Given(
        x=x,
        labels=labels,
        other_x=other_x,
        encoder_x=encoder_x,
        original_x=original_x,
        condition=condition,
        allow=allow,
        encoders=encoders or {},
        bounds=bounds or {},
        ladder=ladder,
        device=device,
    )
    began, executor, further = time.time(), executor or Local(), 1 + (spec.certificate > 0) + (spec.details > 0)
    with (
        followed(progress) as show,
        executor.session(),
        begun(model, given, spec, show, further, when_ready=executor.start) as analysis,
    ):
        before = analysis.work.like.work.copy()
        gathered, search = _measured(analysis, store or temporary(analysis.work), executor)
        executor.release()  # of workers, whom nothing below needs
        in_units = analysis.work.like.work - before
        _warn(gathered)
        closer = looked_closer(analysis, given, gathered, search)
    return reported(analysis, gathered, search, closer, in_units, began, provenance or {})


def _measured(analysis: Begun, store: Store, executor: Executor) -> tuple[Gathered, SearchSummary]:
    """All units, and once more with a wider search where the first round shows that modes are missed.

    The second round has what the store keeps of the first: bounds, fits and evidence.
    """
    work = analysis.work
    gathered = _through(analysis, work, store, executor)
    search = replace(analysis.search, control=gathered.control)
    if gathered.misses and not work.widened:
        search = still_missing(work.like, work.bank, work.spec, replace(search, widen=True))
        wider = replace(work, widened=True, missed=unreached(search))
        analysis.run_stage.total += sum(len(pipeline(wider, split, unit)) for split, unit in analysis.units)
        first, gathered = gathered, _through(analysis, wider, store, executor)
        gathered = replace(gathered, costs={**first.costs, **gathered.costs})
    return gathered, search


def _through(analysis: Begun, work: Work, store: Store, executor: Executor) -> Gathered:
    """Run the units and gather what they give; datapoints whose work fails leave the others as they are."""
    collected = Collected(work.spec.details)
    for done in executor.map(work, analysis.units, analysis.run_stage.tell, store):
        collected.put(done)
        for finished in done.finished:
            analysis.run_stage.add(finished.seconds)
    return gather(work, collected)


def _warn(gathered: Gathered) -> None:
    """Say which datapoints have no numbers, and which have no q* of a further family."""
    for failure in gathered.failures:
        words = f"no numbers for {failure.where}: {failure.reason}"
        warnings.warn(words, GapkitWarning, stacklevel=3)
    for left in gathered.without:
        words = f"no q* in the family {left.family} for {left.where}: {left.reason}"
        warnings.warn(words, GapkitWarning, stacklevel=3)
