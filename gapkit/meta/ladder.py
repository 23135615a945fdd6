"""The ladder of doubly amortized inference: four rungs, three gaps, for the datapoints of many data sets.

    log p_i(x)
      |  approximation gap        the family cannot reach the posterior
    L[q*]
      |  amortization gap         one encoder for all datapoints of the data set cannot reach that
    L[f_i]                        the best encoder of data set i alone, its decoder fixed
      |  meta-amortization gap    one encoder for all data sets, which knows data set i by a support set D_i, loses this
    L[g(D_i)]

The last gap is not negative on average over the data that f_i was fitted to, because the class of f_i holds g(D, .) for
every fixed D; for single datapoints, and for data that f_i has not seen, it may be.
Source of g: Wu et al. (AAAI 2020), https://arxiv.org/abs/1902.01950.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.engine import analyze
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, error_of
from gapkit.meta.data import MetaData, Points, points_of
from gapkit.models.meta_vae import encoder_of, of_each_dataset
from gapkit.models.pair import PairModel
from gapkit.models.protocol import LatentModel
from gapkit.results import Result
from gapkit.results.summary import summarise_values

__all__ = ["DATASET", "META", "analyze_meta", "by_dataset", "meta_arguments", "over_datasets"]

DATASET = "dataset"  # the name of the further encoder that has a rung of its own
_TOP, _STAR, _ENCODER = STANDARD.rungs
_FAMILY, _OF_ENCODER = STANDARD.gaps

META = Ladder(
    (
        _TOP,
        _STAR,
        Rung(
            f"{_ENCODER.name}_{DATASET}",
            "L[f_i]",
            "the best encoder of the data set",
            "The ELBO of an encoder that was fitted to the datapoint's own data set, with the decoder of that data set "
            "as it is.",
            brief="the data set's own encoder",
        ),
        replace(
            _ENCODER,
            words="one encoder for all data sets",
            meaning="The evidence lower bound (ELBO) of the encoder for all data sets, which is given a support set.",
        ),
    ),
    (
        _FAMILY,
        replace(
            _OF_ENCODER,
            part="encoder",
            meaning="The part of amortization within a data set: L[q*] minus L[f_i], what one encoder for all of its "
            "datapoints loses against the best q for each.",
        ),
        Gap(
            "meta_amortization_gap",
            "meta-amortization gap",
            "other",
            "the support set's and its summary's",
            "the part of one encoder for all data sets",
            "The part of amortization over data sets: L[f_i] minus L[q], what one encoder for all data sets, which "
            "knows the data set by a support set, loses against the best encoder of the data set.",
            "meta\ngap",
        ),
    ),
)
"""Log p(x), L[q*], L[f_i] and L[q]; ``gapkit.analyze(..., encoders={"dataset": f}, ladder=META)`` fills it."""


def over_datasets(result: Result) -> dict[str, dict[str, Mean]]:
    """The gaps as means over data sets: what intervals are about that hold for data sets which were not looked at.

    The intervals of ``result.summary_values`` are over datapoints, as if each were drawn by itself. Those of one data
    set have its parameters in common, and parts of their support sets, so that they differ less than that: for other
    data sets of the kind those intervals are too short. Here every data set counts once, whatever its size.

    Args:
        result: of :func:`analyze_meta`, or any whose labels are the data sets.

    Returns:
        By split and gap; ``count`` is the number of data sets, ``se_datapoints`` and ``ci95`` are over them.

    Raises:
        InputError: a result without labels.
    """
    frame = result.to_frame()
    if "label" not in frame:
        raise InputError("gaps by data set", "datapoints without labels", "analyse with the data sets as labels")
    gaps = (*result.ladder.gaps, result.ladder.total)
    return {
        str(split): {
            gap.name: by_dataset(
                rows[gap.name].to_numpy(float), rows[error_of(gap.name)].to_numpy(float), rows["label"].to_numpy()
            )
            for gap in gaps
        }
        for split, rows in frame.groupby("split", sort=False)
    }


def by_dataset(values: np.ndarray, errors: np.ndarray, datasets: np.ndarray) -> Mean:
    """The mean over data sets of their means; datapoints whose value is not finite are in none of them."""
    used = np.isfinite(values)
    means, own = [], []
    for number in np.unique(datasets[used]):
        rows = used & (datasets == number)
        means.append(values[rows].mean())
        own.append(np.sqrt((errors[rows] ** 2).sum()) / rows.sum())
    return summarise_values(np.asarray(means), np.asarray(own))


def meta_arguments(model: PairModel, splits: Mapping[str, Points], each: LatentModel | None = None) -> dict[str, Any]:
    """The arguments of :func:`gapkit.analyze` for the ladder of four rungs.

    h is run once here, and the condition holds h(D) in the place of D: log p(x, z) does not need the support set.

    Args:
        model: a ``meta_vae`` with the best encoder of each data set, see :func:`gapkit.meta.fit_each_dataset`.
        splits: the datapoints by the name of their split, such as ``seen`` and ``held_out``.
        each: the best encoder of each data set, with the decoders of the model; None takes the model's own.

    Raises:
        InputError: a model without encoders of the single data sets, or no datapoints.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("meta_vae", x_shape=(4,), num_datasets=3, latent=2, hidden=(8,), summary=5, per_dataset=True)
        >>> points = Points(torch.zeros(6, 4), torch.tensor([0, 0, 1, 1, 2, 2]), torch.zeros(6, 3, 4))
        >>> sorted(meta_arguments(model, {"test": points}))
        ['condition', 'encoders', 'labels', 'ladder', 'model', 'x']
    """
    if not any(len(part.x) for part in splits.values()):
        raise InputError("an analysis of many data sets", "no datapoints", "give some of at least one split")
    model.eval()
    encoder = encoder_of(model)
    condition = {}
    for name, part in splits.items():
        with torch.no_grad():
            summary = torch.cat([encoder.summary_of({"support": rows}) for rows in part.support.split(100)])
        condition[name] = {"dataset": part.dataset, "summary": summary}
    return {
        "model": model,
        "x": {name: part.x for name, part in splits.items()},
        "labels": {name: part.dataset for name, part in splits.items()},
        "condition": condition if len(splits) > 1 else next(iter(condition.values())),
        "encoders": {DATASET: of_each_dataset(model) if each is None else each},
        "ladder": META,
    }


def analyze_meta(
    model: PairModel,
    data: MetaData,
    context_size: int,
    *,
    each: LatentModel | None = None,
    most: int | None = None,
    split: str = "test",
    seed: int = 0,
    **options: Any,
) -> Result:
    """Estimate log p_i(x) and split the gap of a doubly amortized encoder into three, for data of all data sets.

    Args:
        model: a ``meta_vae`` with the best encoder of each data set, see :func:`gapkit.meta.fit_each_dataset`.
        data: the data sets; those that are seen make the split ``seen``, the others ``held_out``.
        context_size: M; the support set of every datapoint is drawn by itself, from the others of its data set.
        each: the best encoder of each data set; None takes the model's own.
        most: datapoints of each data set, see :func:`gapkit.meta.points_of`; None for all.
        split: ``test``, or ``train``: what the encoders of the data sets were fitted to.
        seed: of the support sets and of the analysis.
        options: of :func:`gapkit.analyze`, such as ``effort="quick"``.

    Returns:
        A result whose classes are the data sets.

    Raises:
        InputError: as :func:`gapkit.analyze` and :func:`meta_arguments`.
    """
    parts = {"seen": data.seen_ones, "held_out": data.held_out}
    splits = {
        name: points_of(data, numbers, context_size, seed=seed, split=split, most=most)
        for name, numbers in parts.items()
        if numbers
    }
    facts = {"meta": {"context_size": context_size, "support_seed": seed, "split": split, "datasets": dict(parts)}}
    if "spec" not in options:
        options.setdefault("seed", seed)
    provenance = {**facts, **options.pop("provenance", {})}
    return analyze(**meta_arguments(model, splits, each), provenance=provenance, **options)
